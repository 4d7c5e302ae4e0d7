"""Probabilistic PCA, fitted in closed form, with its exact posterior."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.distributions import LOG_2PI, full_precision
from genzoo.core.mixture import GaussianMixture
from genzoo.evaluation.pca import axes_of_covariance, axes_of_points
from genzoo_plugins.classical.conditional import GaussianImputer

LARGEST = 4096
"""Data of more dimensions are refused: their covariance would take minutes."""
LEAST = 1e-7
"""The least noise variance, as a share of the mean variance: data on a subspace have no density."""
TINY = 1e-12
"""The least mean variance for this purpose: the data may be a single point."""


class PPCA(GaussianImputer, genzoo.LatentModel, genzoo.Density):
    """x = m + Wz + σε with z ~ N(0, I) (Tipping & Bishop 1999, eq. 2 – 4).

    The maximum of the likelihood is W = U(Λ − σ²I)^½, where Λ are the largest eigenvalues of the covariance, U their
    axes, and σ² is the mean of the others (eq. 7 and 8). On these axes the posterior has a diagonal covariance,
    N(Λ⁻¹Wᵀ(x − m), σ²Λ⁻¹) (eq. 6). It is exact, so that the ELBO is ln p(x) for any number of samples.
    """

    name = "ppca"
    mean: Tensor
    axes: Tensor
    variances: Tensor
    log_noise: Tensor

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 10
        """Number of latents; at most one less than the data have dimensions."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        size = spec.numel
        if not 1 < size <= LARGEST:
            limits = f"from 2 to {LARGEST:,} dimensions; these have {size:,}"
            raise genzoo.UsageError(f"{self.name} needs data of {limits}", "other models: genzoo list")
        latents = min(config.latent_dim, size - 1)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("axes", torch.zeros(size, latents).fill_diagonal_(1))  # U
        self.register_buffer("variances", torch.full((latents,), 2.0))  # Λ
        self.register_buffer("log_noise", torch.zeros(()))  # ln σ²

    def fit(self, batches: Iterable[genzoo.Batch]) -> None:
        mean, axes, largest, noise = principal_axes(batches, *self.axes.shape)
        self.mean.copy_(mean)
        self.axes.copy_(axes)
        self.variances.copy_(largest.clamp_min(noise))
        self.log_noise.copy_(noise.log())

    def centred(self, x: Tensor) -> Tensor:
        """Return x [B, *S] without its mean, [B, D]."""
        return x.flatten(1) - self.mean

    @property
    def weight(self) -> Tensor:
        """W, [D, latents]."""
        return self.axes * (self.variances - self.log_noise.exp()).clamp_min(0).sqrt()

    def prior(self) -> genzoo.Distribution:
        return genzoo.StandardNormal((len(self.variances),), like=self.anchor)

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        mean = full_precision(self.centred(x) @ self.weight) / self.variances
        return genzoo.DiagGaussian(mean, (self.log_noise - self.variances.log()).expand_as(mean))

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        mean = full_precision(z @ self.weight.T) + self.mean
        return genzoo.DiagGaussian(mean.view(-1, *self.spec.shape), self.log_noise, event_dims=len(self.spec.shape))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return ln N(x; m, WWᵀ + σ²I) by its eigenvalues, [B]: Λ on the axes and σ² elsewhere."""
        centred = self.centred(x)
        along = full_precision(centred @ self.axes)
        rest = full_precision(centred - along @ self.axes.T).square().sum(1) * torch.exp(-self.log_noise)
        size, latents = self.axes.shape
        log_det = self.variances.log().sum() + (size - latents) * self.log_noise
        return -0.5 * ((along.square() / self.variances).sum(1) + rest + log_det + size * LOG_2PI)

    def as_mixture(self) -> GaussianMixture:
        """Return N(m, WWᵀ + σ²I)."""
        weight = self.weight.double()
        covariance = weight @ weight.T
        covariance.diagonal().add_(self.log_noise.double().exp())
        return GaussianMixture(weight.new_ones(1), self.mean.double()[None], covariance[None])


def flat(batches: Iterable[genzoo.Batch]) -> Iterator[Tensor]:
    """Yield the examples of each batch, [B, D] float64 on the CPU."""
    for batch in batches:
        yield batch.x.flatten(1).cpu().double()


def principal_axes(batches: Iterable[genzoo.Batch], size: int, latents: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the mean [D], the axes of largest variance [D, latents], their variances, and the mean of the others."""
    count, total = 0, torch.zeros(size, dtype=torch.float64)
    for x in flat(batches):
        count, total = count + len(x), total + x.sum(0)
    mean = total / count
    if latents <= count < size:  # then the covariance is larger than the data
        centred = torch.cat([x - mean for x in flat(batches)])
        values, axes = axes_of_points(centred, latents)
        variance = centred.square().sum() / count
    else:
        products = torch.zeros(size, size, dtype=torch.float64)
        for x in flat(batches):
            products += (x - mean).T @ (x - mean)
        values, axes = axes_of_covariance(products / count, latents)
        variance = values.sum()
    largest = values[-latents:].flip(0)
    noise = ((variance - largest.sum()) / (size - latents)).clamp_min(LEAST * (variance / size).clamp_min(TINY))
    return mean, axes.flip(1), largest, noise
