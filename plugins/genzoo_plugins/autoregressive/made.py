"""MADE: a masked multilayer perceptron whose outputs are the conditionals of an autoregressive density."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.imputer import each_value
from genzoo.core.nets import Activation, widened
from genzoo_plugins.autoregressive.masked import MaskedNet, conditional_likelihood, refuse_out_of_order
from genzoo_plugins.autoregressive.temperature import Temperature, draw_tempered


class MADE(genzoo.Imputer, MaskedNet, genzoo.Density):
    """p(x) = Π p(x_d | x_<d) over the values of x in their order (Germain et al. 2015, section 3).

    Each conditional is the data's likelihood, such as a Bernoulli distribution for black and white pixels. Where that
    is a Gaussian with one learned σ, each conditional has its own σ. The direct connections from the values to the
    conditionals, alone, are a fully visible belief network.
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
        self.head = conditional_likelihood(spec)
        self.measure, self.support = self.head.family.measure, self.head.family.support
        self.build(spec.numel, self.head.outputs, config.hidden, config.activation)

    def conditionals(self, x: Tensor) -> genzoo.Distribution:
        """Return all p(x_d | x_<d) of x [B, *S]: batch shape [B], event shape S."""
        raw = self.numbers(x.flatten(1))
        conditionals: genzoo.Distribution = self.head(raw.view(len(x), *widened(self.spec.shape, self.head.outputs)))
        return conditionals

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.conditionals(x).log_prob(x)

    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Temperature | None = None
    ) -> Tensor:
        """Draw n examples, [n, *S], one value after another."""
        temperature = (options or self.sampling).temperature
        x = self.in_turn(lambda place, raw: draw_tempered(self.head(raw), temperature), (n,))
        return x.view(n, *self.spec.shape)

    def impute(self, x: Tensor, known: Tensor) -> Tensor:
        """Draw the values after the known ones, one after another.

        Raises:
            UsageError: A value after a hidden one is known; then p(hidden|known) is no product of conditionals.
        """
        values, given = x.flatten(1), known.flatten(1)
        refuse_out_of_order(known)

        def choose(place: int, raw: Tensor) -> Tensor:
            own = slice(place, place + 1)
            return torch.where(given[:, own], values[:, own], self.head(raw).rsample())

        return self.in_turn(choose, (len(x),)).view_as(x)

    def log_hidden(self, x: Tensor, known: Tensor) -> Tensor | None:
        terms = each_value(self.conditionals(x), x)
        return None if terms is None else terms.masked_fill(known, 0.0).flatten(1).sum(1)
