"""Distributions made of others: mixtures, transformed distributions, and several side by side."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

from genzoo.core.distributions import Distribution
from genzoo.core.noise import exponential

P = TypeVar("P", bound=Distribution)


class Invertible(Protocol):
    """A differentiable map of events of one axis with an inverse, such as a `genzoo.Bijection`."""

    def __call__(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return y [*, D] and ln |det dy/dx| [*] at x [*, D], given a context [*, C] or none."""
        ...

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x [*, D] and ln |det dx/dy| [*] at y [*, D], given a context [*, C] or none."""
        ...


def joined(p: P, axes: int) -> P:
    """Return a distribution, to draw from, whose last `axes` batch axes are part of the event.

    In evaluation, the noise of an example then covers these axes; none of them is taken for that of the examples.
    """
    whole = copy.copy(p)
    whole.event_dims = p.event_dims + axes
    for name, part in vars(p).items():
        if isinstance(part, Distribution):
            setattr(whole, name, joined(part, axes))
        elif isinstance(part, tuple) and any(isinstance(inner, Distribution) for inner in part):
            setattr(whole, name, tuple(joined(inner, axes) for inner in part))
    return whole


class Mixture(Distribution):
    """Σ_k π_k p_k(x): a mixture over the last batch axis of its components.

    A sample has the gradient of the component that it comes from, and none to the weights.

    Args:
        components: p_k, batch shape [*batch, K].
        logits: ln π_k up to a constant, [K] or [*batch, K].
    """

    def __init__(self, components: Distribution, logits: Tensor) -> None:
        super().__init__(components.event_dims)
        self.components = components
        self.log_weights = logits.log_softmax(-1)
        self.measure, self.support = components.measure, components.support
        self._axis = -1 - components.event_dims

    @property
    def shape(self) -> torch.Size:
        shape = list(self.components.shape)
        del shape[self._axis]
        return torch.Size(shape)

    @property
    def mean(self) -> Tensor:
        """Σ π_k μ_k, if the components have a mean."""
        means, weights = self.components.mean, self.log_weights.exp()
        return (means * weights.view(*weights.shape, *(1,) * (-1 - self._axis))).sum(self._axis)

    @property
    def centre(self) -> Tensor:
        """The mean; without one, the centre of the component of largest weight."""
        try:
            return self.mean
        except NotImplementedError:
            return self._of(self.components.centre, self._spread_weights().argmax(-1))

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw samples, [*sample_shape, *batch, *event]: from every component, of which one is kept.

        It is the winner of an exponential race, the least E_k/π_k for E_k ~ Exp(1): k with probability π_k.
        """
        drawn = joined(self.components, 1).rsample(sample_shape)
        weights = self._spread_weights().detach().exp()
        race = exponential(weights, sample_shape, self.batch_axes) / weights
        return self._of(drawn, race.argmin(-1))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        each = value.unsqueeze(self._axis)
        size = [-1] * each.dim()
        size[self._axis] = self.log_weights.shape[-1]
        return (self.components.log_prob(each.expand(size)) + self.log_weights).logsumexp(-1)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        if not self.batch_axes:
            raise ValueError("this mixture has no batch axis to split")
        logits = self.log_weights
        return type(self)(self.components.unflatten(sizes), logits.unflatten(0, sizes) if logits.dim() > 1 else logits)

    def _spread_weights(self) -> Tensor:
        """Return ln π_k of each batch element: [*batch, K]."""
        return self.log_weights.expand(self.components.shape[: len(self.components.shape) + 1 + self._axis])

    def _of(self, values: Tensor, which: Tensor) -> Tensor:
        """Return values [*, K, *event] of the components `which` [*]: [*, *event]."""
        index = which.view(*which.shape, *(1,) * -self._axis)
        return torch.take_along_dim(values, index, self._axis).squeeze(self._axis)


class Transformed(Distribution):
    """y = f(x) for x of a base distribution: ln p(y) = ln p(x) − ln |det df/dx|.

    The log-probability of the sample drawn last needs no inverse, which some bijections have only at a high cost.

    Args:
        base: Of x, with events of one axis.
        bijection: f.
        context: What f depends on besides x, [*batch, C]; None: nothing.
    """

    def __init__(self, base: Distribution, bijection: Invertible, context: Tensor | None = None) -> None:
        if base.event_dims != 1:
            raise ValueError(f"a bijection maps events of one axis, and these have {base.event_dims}")
        super().__init__(event_dims=1)
        self.base = base
        self.bijection = bijection
        self.context = context
        self._drawn: tuple[Tensor, Tensor] | None = None

    @property
    def shape(self) -> torch.Size:
        return self.base.shape

    @property
    def centre(self) -> Tensor:
        """f of the base's centre. It is not the mean, which has no closed form."""
        return self.bijection(self.base.centre, self.context)[0]

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        x = self.base.rsample(sample_shape)
        y, log_det = self.bijection(x, self.context)
        if self.event_dims == 1:  # not for events that `joined` made
            self._drawn = y, self.base.log_prob(x) - log_det
        return y

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        if self._drawn is not None and value is self._drawn[0]:
            return self._drawn[1]
        x, log_det = self.bijection.inverse(value, self.context)
        return self.base.log_prob(x) + log_det

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        context = None if self.context is None else self.context.unflatten(0, sizes)
        return type(self)(self.base.unflatten(sizes), self.bijection, context)


class Composite(Distribution):
    """Independent distributions of the parts of a row, side by side on the last axis.

    The measure of a row is that of its parts; "mixed" if some are discrete and others not.

    Args:
        parts: Each with the same batch shape and events of one axis, [*batch, F_i].
    """

    def __init__(self, parts: Sequence[Distribution]) -> None:
        super().__init__(event_dims=1)
        if not parts or any(p.event_dims != 1 or p.shape[:-1] != parts[0].shape[:-1] for p in parts):
            raise ValueError("the parts of a row need one batch shape and events of one axis")
        self.parts = tuple(parts)
        self.sizes = [p.shape[-1] for p in parts]
        measures = {p.measure for p in parts}
        self.measure = "none" if "none" in measures else measures.pop() if len(measures) == 1 else "mixed"
        self.support = parts[0].support if len({p.support for p in parts}) == 1 else "any"

    @property
    def shape(self) -> torch.Size:
        return torch.Size((*self.parts[0].shape[:-1], sum(self.sizes)))

    @property
    def mean(self) -> Tensor:
        return torch.cat([p.mean for p in self.parts], -1)

    @property
    def centre(self) -> Tensor:
        return torch.cat([p.centre for p in self.parts], -1)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        return torch.cat([p.rsample(sample_shape) for p in self.parts], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        pieces = value.split(self.sizes, -1)
        return torch.stack([p.log_prob(piece) for p, piece in zip(self.parts, pieces, strict=True)]).sum(0)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)([p.unflatten(sizes) for p in self.parts])

    def kl_per_dim(self, p: Distribution) -> Tensor | None:
        """Return the divergences of the parts, [*batch, F]; None unless p has such parts, and all a closed form."""
        if not isinstance(p, Composite) or p.sizes != self.sizes:
            return None
        terms = [own.kl_per_dim(other) for own, other in zip(self.parts, p.parts, strict=True)]
        known = [term for term in terms if term is not None]
        return torch.cat(known, -1) if len(known) == len(terms) else None
