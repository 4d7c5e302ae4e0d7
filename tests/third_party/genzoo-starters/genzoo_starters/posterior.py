"""A posterior of any VAE: `genzoo run vae … --posterior starter-posterior`."""

from __future__ import annotations

from torch import Tensor

import genzoo


class StarterPosterior(genzoo.Posterior):
    """q(z|x) = N(μ(x), σ²(x)·I): one variance for all latents of an example."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.outputs = latent_dim + 1

    def forward(self, parameters: Tensor) -> genzoo.Distribution:
        mean = parameters[..., :-1]
        return genzoo.DiagGaussian(mean, parameters[..., -1:].expand_as(mean))
