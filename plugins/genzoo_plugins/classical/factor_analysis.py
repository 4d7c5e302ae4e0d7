"""Factor analysis, fitted by expectation maximisation, with its exact posterior."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.mixture import GaussianMixture
from genzoo.evaluation.pca import axes_of_covariance, axes_of_points
from genzoo_plugins.classical.ppca import LEAST, PPCA, TINY, flat

TOLERANCE = 1e-9
"""The gain in nats an example below which the updates of the noise end."""
UNIQUENESS = 0.005
"""The least ψ of a value as a share of its variance, as in R's factanal. Without it the likelihood may grow with no
limit, where the factors leave nothing of a value (a Heywood case), and ln p of new data is then arbitrarily low."""


class FactorAnalysis(PPCA):
    """x = m + Wz + ε with z ~ N(0, I) and ε ~ N(0, diag ψ): pPCA with a variance of its own for each value (Rubin &
    Thayer 1982).

    In units of √ψ it is pPCA with σ² = 1, and so is its posterior. For given ψ, W is then that of pPCA; for given W,
    ψ is what W leaves of each variance. Both raise the likelihood (Barber 2012, section 21.2.1), which changes by
    Σ ln c_i if the columns are divided by c_i. ψ is at least 0.5 % of a value's variance, or of the mean variance for a
    value that is constant in the training data.
    """

    name = "factor-analysis"
    deviations: Tensor

    @genzoo.config
    class Config(PPCA.Config):
        updates: genzoo.Count = 200
        """The largest number of updates of the noise; they end earlier where the likelihood no longer rises."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.register_buffer("deviations", torch.ones(spec.numel))  # √ψ

    def fit(self, batches: Iterable[genzoo.Batch]) -> None:
        size, latents = self.axes.shape
        x = torch.cat(list(flat(batches)))
        mean = x.mean(0)
        x = x - mean
        variance = x.square().mean(0)
        whole = variance.mean().clamp_min(TINY)
        least = UNIQUENESS * torch.where(variance > LEAST * whole, variance, whole)  # a constant has no unit of its own
        covariance = None if latents <= len(x) < size else x.T @ x / len(x)
        psi, before = variance.clamp_min(least), torch.tensor(torch.inf)
        for _ in range(self.config.updates):
            unit = psi.sqrt()
            if covariance is None:
                values, axes = axes_of_points(x / unit, latents)
            else:
                values, axes = axes_of_covariance(covariance / unit / unit[:, None], latents)
            largest = values[-latents:].clamp_min(1)
            # −2 ln p(x) but for constants: Σ ln ψ + Σ ln Λ + tr((WWᵀ + I)⁻¹C) in units of √ψ.
            now = psi.log().sum() + (largest.log() + 1 - largest).sum() + (variance / psi).sum()
            if before - now < 2 * TOLERANCE:
                break
            before = now
            weight = axes * (largest - 1).sqrt() * unit[:, None]
            found = (mean, axes.flip(1), largest.flip(0), unit)
            psi = (variance - weight.square().sum(1)).clamp_min(least)
        for buffer, value in zip((self.mean, self.axes, self.variances, self.deviations), found, strict=True):
            buffer.copy_(value)

    def centred(self, x: Tensor) -> Tensor:
        """Return x [B, *S] without its mean, in units of √ψ, [B, D]."""
        return super().centred(x) / self.deviations

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        shape = (-1, *self.spec.shape)
        mean = full_precision(z @ (self.deviations[:, None] * self.weight).T) + self.mean
        log_var = (2 * self.deviations.log()).expand_as(mean)
        return genzoo.DiagGaussian(mean.view(shape), log_var.reshape(shape), event_dims=len(self.spec.shape))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return super().log_prob(x) - self.deviations.log().sum()

    def as_mixture(self) -> GaussianMixture:
        """Return N(m, WWᵀ + diag ψ): in units of √ψ the noise has variance 1."""
        unit, deviations = super().as_mixture(), self.deviations.double()
        return GaussianMixture(unit.weights, unit.means, unit.covariances * deviations * deviations[:, None])
