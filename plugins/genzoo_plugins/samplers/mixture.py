"""Samplers by expectation maximisation: one Gaussian, and a mixture of several."""

from __future__ import annotations

import torch
from torch import Tensor

import genzoo
from genzoo.core.mixture import GaussianMixture, fit_mixture
from genzoo.core.text import gigabytes

LARGEST = 1 << 28
"""Bytes of all covariances. Drawing from three Gaussians of codes of 4,920 values, 0.6 GB, takes minutes and 13 GB."""


class MixtureSampler(genzoo.Sampler):
    """p(z) = Σ_k π_k N(z; μ_k, C_k) with full covariances, fitted by EM from several starts."""

    symbol = "K, the number of Gaussians,"
    default = 10
    weights: Tensor
    means: Tensor
    covariances: Tensor

    def __init__(self, shape: tuple[int, ...], components: int = 1) -> None:
        super().__init__(shape)
        self.components = components
        self.register_buffer("weights", torch.ones(1, dtype=torch.float64))
        self.register_buffer("means", torch.zeros(1, self.dim, dtype=torch.float64))
        self.register_buffer("covariances", torch.eye(self.dim, dtype=torch.float64)[None])

    @property
    def mixture(self) -> GaussianMixture:
        """The density."""
        return GaussianMixture(self.weights, self.means, self.covariances)

    def fit(self, codes: Tensor) -> None:
        if len(codes) < self.components:
            what = f"{self.components} Gaussians cannot be fitted to {len(codes)} codes"
            raise genzoo.UsageError(what, f"use gmm:{len(codes)}")
        size = 8 * self.components * self.dim**2
        if size > LARGEST and self.components > 1:
            what = f"{self.components} covariances of codes of {self.dim:,} values take {gigabytes(size)}"
            raise genzoo.UsageError(what, "use --sampler gaussian")
        found = fit_mixture(codes, self.components)
        self.weights, self.means, self.covariances = found.weights, found.means, found.covariances

    def sample(self, n: int) -> Tensor:
        return self.mixture.sample(n)

    def log_prob(self, z: Tensor) -> Tensor:
        return self.mixture.log_prob(z)


class GaussianSampler(MixtureSampler):
    """p(z) = N(z; μ, C) with the mean and the covariance of the codes."""

    symbol = ""
