"""MADE: a masked multilayer perceptron whose outputs are the conditionals of an autoregressive density."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import ACTIVATIONS, Activation, MaskedLinear, widened
from genzoo_plugins.autoregressive.temperature import Temperature, draw_tempered


class MADE(genzoo.Density):
    """p(x) = Π p(x_d | x_<d) over the values of x in their order (Germain et al. 2015, section 3).

    Each conditional is the data's likelihood, such as a Bernoulli distribution for black and white pixels. Where that
    is a Gaussian with one learned σ, each conditional has its own σ. Hidden unit k has a degree m(k): it uses values up
    to number m(k), and later conditionals use the unit (eq. 8 and 9). The degrees are spread evenly. There are also
    direct connections from the values to the conditionals; alone, they are a fully visible belief network.
    """

    Sampling = Temperature

    @genzoo.config
    class Config:
        hidden: tuple[genzoo.Count, ...] = (500,)
        """Widths of the hidden layers. Empty: direct connections alone, a fully visible sigmoid belief network."""
        activation: Activation = "relu"
        """Nonlinearity of the hidden layers."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        learned = spec.likelihood == "gaussian-learned"
        self.head = genzoo.make_likelihood("gaussian-per-dim" if learned else spec.likelihood)
        self.measure, self.support = self.head.family.measure, self.head.family.support
        size, outputs = spec.numel, self.head.outputs
        places = degrees = torch.arange(size)
        after = places.repeat(outputs)[:, None]  # the place of each output, [outputs·size, 1]
        self.direct = MaskedLinear(after > places)
        self.activation = ACTIVATIONS[config.activation]()
        self.hidden = nn.ModuleList()
        for width in config.hidden:
            own = torch.arange(width) * max(1, size - 1) // width
            self.hidden.append(MaskedLinear(own[:, None] >= degrees))
            degrees = own
        self.out = MaskedLinear(after > degrees, bias=False) if config.hidden else None

    def conditionals(self, x: Tensor) -> genzoo.Distribution:
        """Return all p(x_d | x_<d) of x [B, *S]: batch shape [B], event shape S."""
        flat = hidden = x.flatten(1)
        for layer in self.hidden:
            hidden = self.activation(layer(hidden))
        raw = self.direct(flat)
        if self.out is not None:
            raw = raw + self.out(hidden)
        conditionals: genzoo.Distribution = self.head(raw.view(len(x), *widened(self.spec.shape, self.head.outputs)))
        return conditionals

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.conditionals(x).log_prob(x)

    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Temperature | None = None
    ) -> Tensor:
        """Draw n examples, [n, *S], one value after another. Each new value is added to the sums of what uses it."""
        layers = [layer for layer in self.hidden if isinstance(layer, MaskedLinear)]
        out = None if self.out is None else self.out.masked
        seeing = [self.direct, *layers[:1]]  # the layers that see the values themselves
        weights = [layer.masked.T.contiguous() for layer in seeing]
        sums = [layer.bias.expand(n, -1) for layer in seeing]
        size, values = self.spec.numel, []
        for d in range(size):
            raw = sums[0][:, d::size]
            if out is not None:
                hidden = self.activation(sums[1])
                for layer in layers[1:]:
                    hidden = self.activation(layer(hidden))
                raw = raw + F.linear(hidden, out[d::size])
            value = draw_tempered(self.head(raw), (options or self.sampling).temperature)
            sums = [total + value * weight[d] for total, weight in zip(sums, weights, strict=True)]
            values.append(value)
        return torch.cat(values, 1).view(n, *self.spec.shape)
