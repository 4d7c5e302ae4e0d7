"""Posteriors: a diagonal Gaussian, and Gaussians transformed by flows that depend on x."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

import genzoo
from genzoo.core.distributions import full_precision
from genzoo_plugins.flows.bijections import AffineAutoregressive, Layers, SplineCouplings
from genzoo_plugins.parts.iaf import AutoregressiveFlow
from genzoo_plugins.parts.planar import PlanarFlow

CONTEXT = 64
"""C, the length of h(x)."""


class DiagonalPosterior(genzoo.Posterior):
    """q(z|x) = N(μ(x), diag σ²(x))."""

    def forward(self, parameters: Tensor) -> genzoo.DiagGaussian:
        return genzoo.DiagGaussian.from_parameters(parameters)


class FlowPosterior(genzoo.Posterior):
    """z = f(z₀, h(x)) for z₀ ~ N(μ(x), diag σ²(x)): the encoder puts out μ, ln σ² and h.

    A flow that did not depend on h(x) would be one bijection of z for all x, which prior and decoder could absorb: it
    would be a flow prior, and no other family of posteriors.
    """

    flow: ClassVar[type[AutoregressiveFlow] | type[PlanarFlow] | type[Layers]]
    symbol = "N, the number of steps,"
    default = 2

    def __init__(self, latent_dim: int, steps: int) -> None:
        super().__init__(latent_dim)
        self.outputs = 2 * latent_dim + CONTEXT
        self.bijection = self.flow(latent_dim, CONTEXT, steps)

    def forward(self, parameters: Tensor) -> genzoo.Distribution:
        first, context = full_precision(parameters).split([2 * self.latent_dim, CONTEXT], -1)
        return genzoo.Transformed(genzoo.DiagGaussian.from_parameters(first), self.bijection, context)


class IAFPosterior(FlowPosterior):
    """Inverse autoregressive flow (Kingma et al. 2016, algorithm 1)."""

    flow = AutoregressiveFlow


class PlanarPosterior(FlowPosterior):
    """Planar flow, whose steps depend on x (Rezende & Mohamed 2015, eq. 10; van den Berg et al. 2018, section 3)."""

    flow = PlanarFlow
    default = 8


class MAFPosterior(FlowPosterior):
    """Affine autoregressive layers, whose scales may grow: those of an iaf can only shrink."""

    flow = AffineAutoregressive
    symbol, default = AffineAutoregressive.symbol, AffineAutoregressive.default


class SplinePosterior(FlowPosterior):
    """Couplings of rational-quadratic splines, which depend on x (Durkan et al. 2019, section 5.2)."""

    flow = SplineCouplings
    symbol, default = SplineCouplings.symbol, SplineCouplings.default
