"""Priors without an encoder: the standard normal distribution, a learned mixture of Gaussians, and a learned flow."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

import genzoo
from genzoo_plugins.flows.bijections import AffineAutoregressive, AffineCouplings, Layers, SplineCouplings


class StandardNormalPrior(genzoo.Prior):
    """p(z) = N(0, I)."""

    def forward(self, model: genzoo.Model) -> genzoo.Distribution:
        return genzoo.StandardNormal((self.latent_dim,), like=model.anchor)


class MixturePrior(genzoo.Prior):
    """p(z) = Σ_k π_k N(μ_k, diag σ²_k) with learned weights, means and variances."""

    symbol = "K, the number of Gaussians,"
    default = 10

    def __init__(self, spec: genzoo.DataSpec, latent_dim: int, components: int) -> None:
        super().__init__(spec, latent_dim)
        self.means = nn.Parameter(torch.randn(components, latent_dim))
        self.log_vars = nn.Parameter(torch.zeros(components, latent_dim))
        self.logits = nn.Parameter(torch.zeros(components))

    def forward(self, model: genzoo.Model) -> genzoo.Distribution:
        return genzoo.Mixture(genzoo.DiagGaussian(self.means, self.log_vars), self.logits)


class Reversed:
    """The inverse of a bijection."""

    def __init__(self, bijection: genzoo.Bijection) -> None:
        self.bijection = bijection

    def __call__(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.bijection.inverse(x, context)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        found: tuple[Tensor, Tensor] = self.bijection(y, context)
        return found


class FlowPrior(genzoo.Prior):
    """p(z) = N(f(z); 0, I) |det df/dz| for a registered bijection f.

    The density takes one pass of f, and samples its inverse: with "iaf" it is a masked autoregressive flow
    (Papamakarios, Pavlakou & Murray 2017, section 3).
    """

    symbol = "BIJECTION, such as iaf:2,"
    default = "iaf:2"

    def __init__(self, spec: genzoo.DataSpec, latent_dim: int, bijection: str) -> None:
        super().__init__(spec, latent_dim)
        self.bijection = genzoo.make_part("bijection", bijection, latent_dim, 0)

    @classmethod
    def parse(cls, text: str) -> str:
        return text

    def forward(self, model: genzoo.Model) -> genzoo.Distribution:
        return pulled_back(self.bijection, self.latent_dim, model)


def pulled_back(bijection: genzoo.Bijection, latent_dim: int, model: genzoo.Model) -> genzoo.Distribution:
    """Return N(f(z); 0, I) |det df/dz| of a bijection f of z [latent_dim], on the model's device."""
    return genzoo.Transformed(genzoo.StandardNormal((latent_dim,), like=model.anchor), Reversed(bijection))


class LayersPrior(genzoo.Prior):
    """The flow prior of N layers of one kind (Chen et al. 2017, section 3.2)."""

    flow: ClassVar[type[Layers]]
    symbol = Layers.symbol

    def __init__(self, spec: genzoo.DataSpec, latent_dim: int, layers: int) -> None:
        super().__init__(spec, latent_dim)
        self.bijection = self.flow(latent_dim, 0, layers)

    def forward(self, model: genzoo.Model) -> genzoo.Distribution:
        return pulled_back(self.bijection, self.latent_dim, model)


class RealNVPPrior(LayersPrior):
    """A flow of affine couplings: both the density and samples take one pass."""

    flow, default = AffineCouplings, AffineCouplings.default


class SplinePrior(LayersPrior):
    """A flow of spline couplings: both the density and samples take one pass."""

    flow, default = SplineCouplings, SplineCouplings.default


class MAFPrior(LayersPrior):
    """A masked autoregressive flow: the density takes one pass."""

    flow, default = AffineAutoregressive, AffineAutoregressive.default
