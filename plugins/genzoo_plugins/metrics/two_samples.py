"""Distances between two sets of points: pure functions of [N, F] float64 tensors, none of them a metric by itself."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

CHUNK = 1024


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [F] and covariance [F, F], divided by N − 1 as all published Fréchet distances are."""
    return x.mean(0), torch.atleast_2d(x.T.cov())


def frechet(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> float:
    """Squared Wasserstein-2 distance of the Gaussians with these means and covariances (Heusel et al. 2017, eq. 6).

    ‖μ₁ − μ₂‖² + tr(C₁ + C₂ − 2 (C₁^½ C₂ C₁^½)^½). The inner matrix is symmetric, so eigenvalues suffice; the general
    matrix root of C₁C₂ that others take is where imaginary parts come from.
    """
    (mean, covariance), (other_mean, other_covariance) = one, other
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    inner = root @ other_covariance @ root
    cross = torch.linalg.eigvalsh((inner + inner.T) / 2).clamp_min(0).sqrt().sum()
    distance = (mean - other_mean).square().sum() + covariance.trace() + other_covariance.trace() - 2 * cross
    return float(distance.clamp_min(0.0))


def mmd(x: Tensor, y: Tensor) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (xᵀy/F + 1)³ (Bińkowski et al. 2018)."""

    def within(z: Tensor) -> Tensor:
        kernel = polynomial(z, z)
        return (kernel.sum() - kernel.trace()) / (len(z) * (len(z) - 1))

    return (within(x) + within(y) - 2 * polynomial(x, y).mean()).item()


def polynomial(x: Tensor, y: Tensor) -> Tensor:
    """(xᵀy/F + 1)³ of all pairs."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def kid(x: Tensor, y: Tensor, subsets: int = 100, size: int = 1000) -> Tensor:
    """`mmd` of random subsets, whose mean is the kernel inception distance, here without Inception.

    Args:
        x, y: [N, F], [M, F].
        subsets: How many pairs of subsets.
        size: Points in each; where there are no more on either side, all are taken, once.

    Returns:
        [subsets], or [1].
    """
    generator = torch.Generator().manual_seed(0)
    if max(len(x), len(y)) <= size:
        return torch.tensor([mmd(x, y)], dtype=torch.float64)

    def some(z: Tensor) -> Tensor:
        return z[torch.randperm(len(z), generator=generator)[:size]]

    return torch.tensor([mmd(some(x), some(y)) for _ in range(subsets)], dtype=torch.float64)


def sliced_wasserstein(x: Tensor, y: Tensor, directions: int = 1000) -> float:
    """Root mean square over random directions of the W₂ distance between projections (Bonneel et al. 2015).

    Args:
        x, y: [N, F] each, of the same N: sorted, the projections are matched one by one.
        directions: How many unit vectors.
    """
    generator = torch.Generator().manual_seed(0)
    axes = torch.randn(directions, x.shape[1], dtype=x.dtype, generator=generator)
    axes /= axes.norm(dim=1, keepdim=True)
    total = 0.0
    for part in axes.split(CHUNK // 16):
        gaps = (part @ x.T).sort(1).values - (part @ y.T).sort(1).values
        total += gaps.square().mean(1).sum().item()
    return math.sqrt(total / directions)


class PRDC(NamedTuple):
    """How samples and data cover each other."""

    precision: float
    """Share of samples inside a ball around a data point (Kynkäänniemi et al. 2019)."""
    recall: float
    """Share of data points inside a ball around a sample."""
    density: float
    """Balls of data points that a sample lies in, over k (Naeem et al. 2020); may exceed 1."""
    coverage: float
    """Share of the data points' balls with a sample in them (Naeem et al. 2020)."""


def prdc(real: Tensor, fake: Tensor, k: int = 5) -> PRDC:
    """Precision, recall, density and coverage. A point's ball reaches to its k-th neighbour, itself not counted.

    Args:
        real: [N, F], N > k.
        fake: [M, F], M > k.
        k: Which neighbour sets a ball's size.
    """
    real_radii, fake_radii = radii(real, k), radii(fake, k)
    nearest = torch.full((len(real),), math.inf, dtype=real.dtype)
    recalled = torch.zeros(len(real), dtype=torch.bool)
    precise = balls = 0.0
    for chunk, its_radii in zip(fake.split(CHUNK), fake_radii.split(CHUNK), strict=True):
        distances = torch.cdist(chunk, real)
        inside = distances < real_radii
        precise += inside.any(1).sum().item()
        balls += inside.sum().item()
        nearest = torch.minimum(nearest, distances.amin(0))
        recalled |= (distances < its_radii[:, None]).any(0)
    return PRDC(
        precision=precise / len(fake),
        recall=recalled.double().mean().item(),
        density=balls / (k * len(fake)),
        coverage=(nearest < real_radii).double().mean().item(),
    )


def radii(x: Tensor, k: int) -> Tensor:
    """Distance of each point to its k-th neighbour, itself not counted: [N]."""
    found = []
    for start in range(0, len(x), CHUNK):
        distances = torch.cdist(x[start : start + CHUNK], x)
        rows = torch.arange(len(distances))
        distances[rows, start + rows] = math.inf  # not 0 exactly, as it is computed
        found.append(distances.kthvalue(k).values)
    return torch.cat(found)


def distances_to_nearest(x: Tensor, reference: Tensor) -> Tensor:
    """The distance of each point [N, F] to the nearest of [M, F]: [N]."""
    return torch.cat([torch.cdist(part, reference).amin(1) for part in x.split(CHUNK)])
