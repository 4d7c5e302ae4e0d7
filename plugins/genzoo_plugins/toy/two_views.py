"""Rows of two linked views of one latent, with the density in closed form."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

import genzoo
from genzoo_plugins.toy.base import Generated

WEIGHTS = ((1.0, 0.0), (0.8, 0.6), (0.0, -1.2), (0.5, 0.5), (-0.9, 0.7))
"""W: three rows for the left view and two for the right one."""


class TwoViews(Generated):
    """x = Wz + noise with z ~ N(0, I) in the plane; the views "left" and "right" are the first three values and the
    last two. Every marginal and conditional is Gaussian (probabilistic canonical correlation analysis)."""

    name = "two-views"

    @genzoo.config
    class Config(Generated.Config):
        noise: genzoo.Positive = 0.3
        """Standard deviation of the noise."""

    @property
    def spec(self) -> genzoo.DataSpec:
        parts = genzoo.Part("left", (3,)), genzoo.Part("right", (2,))
        return genzoo.DataSpec((len(WEIGHTS),), "gaussian-learned", size=self.config.train, parts=parts)

    @property
    def covariance(self) -> Tensor:
        """WWᵀ + σ²I, [5, 5] float64."""
        weights = torch.tensor(WEIGHTS, dtype=torch.float64)
        covariance: Tensor = weights @ weights.T + self.config.noise**2 * torch.eye(len(weights), dtype=torch.float64)
        return covariance

    def split(self, name: str, n: int) -> genzoo.Split:
        weights = torch.tensor(WEIGHTS, dtype=torch.float64)
        x = self.normal(name, "latent", n, weights.shape[1]) @ weights.T
        x += self.config.noise * self.normal(name, "noise", n, len(weights))
        return genzoo.Split(x.float())

    def log_density(self, x: Tensor) -> Tensor:
        """Return ln p of rows [n, 5] in nats, [n]."""
        covariance = self.covariance.to(x.device)
        centre = covariance.new_zeros(len(WEIGHTS))
        log_p: Tensor = MultivariateNormal(centre, covariance).log_prob(x.double())
        return log_p
