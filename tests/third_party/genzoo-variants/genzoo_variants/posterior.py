"""A VAE that differs in its posterior."""

from __future__ import annotations

import math

from genzoo_plugins.vae.vae import VAE
from torch import Tensor, nn

import genzoo


class ConstantVarianceVAE(VAE):
    """q(z|x) = N(μ(x), σ² I) with σ the same for all x: the KL presses on μ alone (Ghosh et al. 2020, section 3.1)."""

    @genzoo.config
    class Config(VAE.Config):
        sigma: genzoo.Positive = 0.3
        """Standard deviation of the posterior in every dimension."""

    def make_encoder(self, outputs: int) -> nn.Module:
        return super().make_encoder(outputs // 2)  # the means; there are no variances to put out

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        return genzoo.DiagGaussian(self.encoder(x).float(), 2 * math.log(self.config.sigma))
