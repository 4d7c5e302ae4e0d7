"""The masked net that defines all conditionals of an autoregressive density or map in one pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import ACTIVATIONS, Activation, MaskedLinear


class MaskedNet(nn.Module):
    """Base of modules with `outputs` numbers for each of D values, which depend on the values before it alone.

    Hidden unit k has a degree m(k): it uses values up to number m(k), and the outputs of later values use the unit
    (Germain et al. 2015, eq. 8 and 9). The degrees are spread evenly. There are also direct connections from the values
    to the outputs. It keeps the constructor's arguments free for its subclasses, which call `build`.
    """

    def build(
        self, size: int, outputs: int, hidden: tuple[int, ...], activation: Activation, context_dim: int = 0
    ) -> None:
        """Add the layers.

        Args:
            size: D, the number of values.
            outputs: Numbers for each value.
            hidden: Widths of the hidden layers. Empty: direct connections alone.
            activation: Nonlinearity of the hidden layers.
            context_dim: C, the length of what all outputs depend on besides; 0: nothing.
        """
        places = degrees = torch.arange(size)
        after = places.repeat(outputs)[:, None]  # the place of each output, [outputs·size, 1]
        self.size = size
        self.direct = MaskedLinear(after > places)
        self.activation = ACTIVATIONS[activation]()
        self.hidden = nn.ModuleList()
        for width in hidden:
            own = torch.arange(width) * max(1, size - 1) // width
            self.hidden.append(MaskedLinear(own[:, None] >= degrees))
            degrees = own
        self.out = MaskedLinear(after > degrees, bias=False) if hidden else None
        self.seen = [outputs * size, *hidden[:1]]  # sizes of what sees the values, and the context, themselves
        self.context = nn.Linear(context_dim, sum(self.seen), bias=False) if context_dim else None

    def numbers(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the numbers of all values of x [*, D], given a context [*, C]: [*, outputs·D], those of a kind
        together."""
        sums = [layer(x) for layer in self._seeing()]
        return self._outputs(self._with_context(sums, context), self.out)

    def in_turn(
        self, choose: Callable[[int, Tensor], Tensor], batch: tuple[int, ...], context: Tensor | None = None
    ) -> Tensor:
        """Choose one value after another, each given the numbers that follow from those before it: [*batch, D].

        Each new value is added to the sums of what uses it, so that all values cost little more than one pass.

        Args:
            choose: Maps a value's place and its numbers [*batch, outputs] to the value, [*batch, 1].
            batch: The leading axes.
            context: [*, C].
        """
        weights = [layer.masked.T.contiguous() for layer in self._seeing()]
        sums = self._with_context([layer.bias.expand(*batch, -1) for layer in self._seeing()], context)
        out, values = None if self.out is None else self.out.masked, []
        for place in range(self.size):
            own = [sums[0][..., place :: self.size], *sums[1:]]
            value = choose(place, self._outputs(own, None if out is None else out[place :: self.size]))
            sums = [total + value * weight[place] for total, weight in zip(sums, weights, strict=True)]
            values.append(value)
        return torch.cat(values, -1)

    def _seeing(self) -> list[MaskedLinear]:
        """Return the layers that see the values themselves: the direct connections and the first hidden layer."""
        return [layer for layer in (self.direct, *self.hidden[:1]) if isinstance(layer, MaskedLinear)]

    def _with_context(self, sums: list[Tensor], context: Tensor | None) -> list[Tensor]:
        if self.context is None or context is None:
            return sums
        parts = self.context(context).split(self.seen, -1)
        return [total + part for total, part in zip(sums, parts, strict=True)]

    def _outputs(self, sums: list[Tensor], out: Tensor | MaskedLinear | None) -> Tensor:
        """Return the numbers, from the sums of the layers that see the values."""
        if out is None:
            return sums[0]
        hidden = self.activation(sums[1])
        for layer in self.hidden[1:]:
            hidden = self.activation(layer(hidden))
        last: Tensor = F.linear(hidden, out) if isinstance(out, Tensor) else out(hidden)
        return sums[0] + last


def conditional_likelihood(spec: genzoo.DataSpec) -> genzoo.Likelihood:
    """Return the likelihood of each value given those before: the data's, with its own σ if one σ is learned."""
    return genzoo.make_likelihood("gaussian-per-dim" if spec.likelihood == "gaussian-learned" else spec.likelihood)


def refuse_out_of_order(known: Tensor) -> None:
    """Refuse hidden values that are not the last ones of their example, known [N, *S] in the order of the model.

    Raises:
        UsageError: A value after a hidden one is known; then p(hidden|known) is no product of conditionals.
    """
    given = known.flatten(1)
    if bool((given[:, 1:] & ~given[:, :-1]).any()):
        what = "values are drawn in their order, and here values after a hidden one are known"
        raise genzoo.UsageError(what, "hide the last values, those of the lower half of an image: --mask bottom")
