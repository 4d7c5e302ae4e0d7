"""Gaussian mixture, fitted by expectation maximisation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.distributions import LOG_2PI
from genzoo.core.mixture import SHRINKAGE, GaussianMixture, fit_mixture
from genzoo_plugins.classical.conditional import GaussianImputer
from genzoo_plugins.classical.ppca import flat, principal_axes

POINTS = 10_000
"""The largest number of examples that the mixture is fitted to, drawn at random."""


class GMM(GaussianImputer, genzoo.Density):
    """ln p(x) = ln Σ π_k N(x; μ_k, C_k) with full covariances (Dempster, Laird & Rubin 1977).

    Data of more dimensions than `axes` are mixtures on their first principal axes, and on the others Gaussian noise of
    one variance, as in pPCA: a density of x too. Covariances and this variance are shrunk, see `maximise`.
    """

    mean: Tensor
    basis: Tensor
    log_noise: Tensor
    weights: Tensor
    means: Tensor
    scales: Tensor

    @genzoo.config
    class Config:
        components: genzoo.Count = 10
        """K, the number of Gaussians."""
        axes: genzoo.Count = 50
        """The largest number of dimensions of the mixture: principal axes of the data."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        size, axes, components = spec.numel, min(config.axes, spec.numel), config.components
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("basis", torch.zeros(size, axes).fill_diagonal_(1))
        self.register_buffer("log_noise", torch.zeros(()))  # ln σ² off these axes
        self.register_buffer("weights", torch.full((components,), 1 / components))
        self.register_buffer("means", torch.zeros(components, axes))
        self.register_buffer("scales", torch.zeros(axes, axes).fill_diagonal_(1).repeat(components, 1, 1))  # C = LLᵀ

    def fit(self, batches: Iterable[genzoo.Batch]) -> None:
        size, axes = self.basis.shape
        if axes < size:
            mean, basis, largest, noise = principal_axes(batches, size, axes)
            if len(self.weights) > 1:
                imagined, examples = SHRINKAGE * size, sum(map(len, flat(batches)))
                whole = (largest.sum() + (size - axes) * noise) / size
                noise = (examples * noise + imagined * whole) / (examples + imagined)
            self.mean.copy_(mean)
            self.basis.copy_(basis)
            self.log_noise.copy_(noise.log())
        points = torch.cat([(x - self.mean.cpu()) @ self.basis.cpu().double() for x in flat(batches)])
        seed = int(torch.randint(2**31, ()))
        mixture = fit_mixture(points[torch.randperm(len(points))[:POINTS]], len(self.weights), seed)
        found = len(mixture.weights)  # fewer for few distinct points
        self.weights.zero_()[:found] = mixture.weights
        self.means[:found] = mixture.means
        self.scales[:found] = torch.linalg.cholesky(mixture.covariances)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        centred = x.flatten(1).double() - self.mean
        along = centred @ self.basis.double()
        size, axes = self.basis.shape
        rest = (centred.square().sum(1) - along.square().sum(1)).clamp_min(0)
        noise = rest * torch.exp(-self.log_noise) + (size - axes) * (self.log_noise + LOG_2PI)
        joint = self.joint(along) - 0.5 * noise[:, None] * (size > axes)
        return joint.logsumexp(1).to(x.dtype)

    def joint(self, points: Tensor) -> Tensor:
        """Return ln π_k N(x; μ_k, C_k) of points on the axes [N, A], [N, K] float64."""
        scales = self.scales.double()
        gaps = torch.linalg.solve_triangular(scales, (points - self.means[:, None]).mT, upper=False)
        spreads = scales.diagonal(dim1=1, dim2=2).log().sum(1) + 0.5 * points.shape[1] * LOG_2PI
        joint: Tensor = self.weights.log() - spreads - 0.5 * gaps.square().sum(1).T
        return joint

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        which = torch.multinomial(self.weights, n, replacement=True)
        drawn = self.means.new_empty(n, self.means.shape[1], 1).normal_()
        along = self.means[which] + (self.scales[which] @ drawn).squeeze(2)
        x = torch.exp(0.5 * self.log_noise) * self.mean.new_empty(n, len(self.mean)).normal_()
        x = x + (along - x @ self.basis) @ self.basis.T + self.mean
        return x.view(n, *self.spec.shape)

    def as_mixture(self) -> GaussianMixture:
        """Return the mixture of x: on the axes that of the components, and noise on the others."""
        used, basis = self.weights > 0, self.basis.double()
        roots = basis @ self.scales[used].double()
        noise = self.log_noise.double().exp() * (torch.eye(len(basis)).to(basis) - basis @ basis.T)
        off = noise if basis.shape[1] < len(basis) else torch.zeros_like(noise)
        return GaussianMixture(
            self.weights[used].double(),
            self.mean.double() + self.means[used].double() @ basis.T,
            roots @ roots.mT + off,
        )
