"""A likelihood of any VAE: `genzoo run vae … --likelihood starter-likelihood:0.2`."""

from __future__ import annotations

import math

from torch import Tensor

import genzoo


class StarterLikelihood(genzoo.Likelihood):
    """p(x|z) = N(μ(z), σ²I): the decoder puts out μ."""

    family = genzoo.DiagGaussian
    symbol = "σ"
    default = 0.5

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.log_var = 2 * math.log(deviation)

    def forward(self, raw: Tensor) -> genzoo.Distribution:
        return genzoo.DiagGaussian(raw, self.log_var, event_dims=raw.dim() - 1)
