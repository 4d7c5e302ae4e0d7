"""The layers of flows as parts: bijections of latents, for priors and posteriors."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

import genzoo
from genzoo_plugins.flows.layers import Layer, autoregressive_layers, back, coupling_layers, through
from genzoo_plugins.flows.transforms import Affine, Spline

WIDTH = 64
"""Hidden units of each net."""
BOUND = 2.0
"""Largest absolute log-scale of a layer."""
BINS, BOX = 8, 5.0
"""Bins of a spline, and half the side of its box: a latent of N(0, 1) is outside once in 1.7 million draws."""


class Layers(genzoo.Bijection):
    """N layers of a flow. Without a batch of latents to begin with, the act-norms begin as the identity."""

    symbol = "N, the number of layers,"

    def __init__(self, dim: int, context_dim: int, layers: int) -> None:
        super().__init__(dim, context_dim)
        self.layers = nn.ModuleList(self.make_layers(layers))

    def make_layers(self, number: int) -> Iterable[Layer]:
        """Return N layers."""
        raise NotImplementedError(f"{type(self).__name__} must define make_layers(number)")

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return through(self.layers, x, context)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return back(self.layers, y, context)


class AffineCouplings(Layers):
    """The couplings of RealNVP (Dinh et al. 2017): both directions take one pass."""

    default = 4

    def make_layers(self, number: int) -> Iterable[Layer]:
        return coupling_layers(self.dim, number, (WIDTH, WIDTH), Affine(BOUND), context_dim=self.context_dim)


class SplineCouplings(Layers):
    """The couplings of a neural spline flow (Durkan et al. 2019): both directions take one pass."""

    default = 4

    def make_layers(self, number: int) -> Iterable[Layer]:
        return coupling_layers(self.dim, number, (WIDTH, WIDTH), Spline(BINS, BOX), context_dim=self.context_dim)


class AffineAutoregressive(Layers):
    """The layers of a masked autoregressive flow (Papamakarios et al. 2017): the inverse takes D small steps a layer.

    As a prior it is that flow: one pass for the density. As a posterior, one pass for a sample, it is an inverse
    autoregressive flow.
    """

    default = 3

    def make_layers(self, number: int) -> Iterable[Layer]:
        return autoregressive_layers(self.dim, number, (WIDTH,), Affine(BOUND), context_dim=self.context_dim)
