"""A prior of any VAE: `genzoo run vae … --prior starter-prior:2`."""

from __future__ import annotations

import math

import genzoo


class StarterPrior(genzoo.Prior):
    """p(z) = N(0, σ²I)."""

    symbol = "σ"
    default = 2.0

    def __init__(self, spec: genzoo.DataSpec, latent_dim: int, deviation: float) -> None:
        super().__init__(spec, latent_dim)
        self.log_var = 2 * math.log(deviation)

    def forward(self, model: genzoo.Model) -> genzoo.Distribution:
        return genzoo.DiagGaussian(model.anchor.new_zeros(self.latent_dim), self.log_var)
