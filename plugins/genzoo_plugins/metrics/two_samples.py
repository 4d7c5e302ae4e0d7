"""Distances between two sets of points, as pure functions of [N, F] float64 tensors."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from genzoo_plugins.metrics.resampling import GROUPS, group_numbers, membership

CHUNK = 1024
EQUAL = 1e-6
"""Points count as equal if their distance is below this fraction of their distances from the centre."""


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean [F] and the covariance [F, F], with divisor N − 1 as in all published Fréchet distances."""
    return x.mean(0), torch.atleast_2d(x.T.cov())


def frechet(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> float:
    """Return the squared W₂ distance of the Gaussians with these moments (Heusel et al. 2017, eq. 6).

    ‖μ₁ − μ₂‖² + tr(C₁ + C₂ − 2 (C₁^½ C₂ C₁^½)^½). The inner matrix is symmetric, so eigenvalues suffice. The general
    matrix root of C₁C₂, used elsewhere, can give imaginary parts.
    """
    (mean, covariance), (other_mean, other_covariance) = one, other
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    inner = root @ other_covariance @ root
    cross = torch.linalg.eigvalsh((inner + inner.T) / 2).clamp_min(0).sqrt().sum()
    distance = (mean - other_mean).square().sum() + covariance.trace() + other_covariance.trace() - 2 * cross
    return float(distance.clamp_min(0.0))


def moments_without_each(x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return `moments` with each group of points left out in turn."""
    number = group_numbers(len(x))
    return [moments(x[number != group]) for group in range(GROUPS)]


def mmd(x: Tensor, y: Tensor) -> float:
    """Return the unbiased squared MMD with the kernel (xᵀy/F + 1)³ (Bińkowski et al. 2018)."""

    def within(z: Tensor) -> Tensor:
        kernel = polynomial(z, z)
        return (kernel.sum() - kernel.trace()) / (len(z) * (len(z) - 1))

    return (within(x) + within(y) - 2 * polynomial(x, y).mean()).item()


def polynomial(x: Tensor, y: Tensor) -> Tensor:
    """Return the kernel matrix (xᵀy/F + 1)³, [N, M]."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def kid(x: Tensor, y: Tensor, subsets: int = 100, size: int = 1000) -> Tensor:
    """Return the `mmd` of random pairs of subsets. Their mean is the KID; here the features are not Inception's.

    Args:
        x, y: [N, F], [M, F].
        subsets: Number of pairs of subsets.
        size: Points in each subset. If neither set has more points, the result is one `mmd` of all points.

    Returns:
        [subsets], or [1] if all points are used.
    """
    generator = torch.Generator().manual_seed(0)
    if max(len(x), len(y)) <= size:
        return torch.tensor([mmd(x, y)], dtype=torch.float64)

    def some(z: Tensor) -> Tensor:
        return z[torch.randperm(len(z), generator=generator)[:size]]

    return torch.tensor([mmd(some(x), some(y)) for _ in range(subsets)], dtype=torch.float64)


def mmd_without_each(x: Tensor, y: Tensor) -> Tensor:
    """Return the `mmd` of x and y [N, F] with each group of points left out in turn: [GROUPS]."""
    members = membership(len(x))
    left = len(x) - members.sum(0)

    def between(one: Tensor, other: Tensor) -> Tensor:
        sums = members.T @ torch.cat([polynomial(part, other) @ members for part in one.split(CHUNK)])
        return sums.sum() - sums.sum(0) - sums.sum(1) + sums.diagonal()

    def within(z: Tensor) -> Tensor:
        itself = members.T @ (z.square().sum(1) / z.shape[1] + 1) ** 3
        return (between(z, z) - itself.sum() + itself) / (left * (left - 1))

    return within(x) + within(y) - 2 * between(x, y) / left**2


def sliced_wasserstein(x: Tensor, y: Tensor, directions: int = 1000) -> float:
    """Return the root mean square W₂ distance of projections on random directions (Bonneel et al. 2015).

    Args:
        x, y: [N, F], with the same N: sorted projections are matched one to one.
        directions: Number of random unit vectors.
    """
    x, y = (z[z.unique(dim=0, return_inverse=True)[1].argsort()] for z in (x, y))  # equal sets round equally
    generator = torch.Generator().manual_seed(0)
    axes = torch.randn(directions, x.shape[1], dtype=x.dtype, generator=generator)
    axes /= axes.norm(dim=1, keepdim=True)
    total = 0.0
    for part in axes.split(CHUNK // 16):
        gaps = (part @ x.T).sort(1).values - (part @ y.T).sort(1).values
        total += gaps.square().mean(1).sum().item()
    return math.sqrt(total / directions)


def sliced_wasserstein_without_each(x: Tensor, y: Tensor, directions: int) -> Tensor:
    """Return `sliced_wasserstein` with each group of points left out in turn: [GROUPS]."""
    number = group_numbers(len(x))
    found = [sliced_wasserstein(x[number != left], y[number != left], directions) for left in range(GROUPS)]
    return torch.tensor(found, dtype=torch.float64)


class PRDC(NamedTuple):
    """Precision, recall, density and coverage."""

    precision: float
    """Share of samples inside the ball of at least one data point (Kynkäänniemi et al. 2019)."""
    recall: float
    """Share of data points inside the ball of at least one sample (Kynkäänniemi et al. 2019)."""
    density: float
    """Mean number of data points' balls that contain a sample, divided by k (Naeem et al. 2020); can exceed 1."""
    coverage: float
    """Share of data points whose ball contains at least one sample (Naeem et al. 2020)."""


def prdc(real: Tensor, fake: Tensor, k: int = 5) -> PRDC:
    """Return precision, recall, density and coverage.

    The radius of a point's ball is the distance to its k-th nearest neighbour; a point is not its own neighbour. If k
    or more other points equal a point, its ball is the point itself.

    Args:
        real: [N, F], N > k.
        fake: [M, F], M > k.
        k: Rank of the neighbour that sets the radius.
    """
    centre = real.mean(0)
    real, fake = real - centre, fake - centre
    (real_radii, weights), (fake_radii, _) = balls(real, k), balls(fake, k)
    nearest = torch.full((len(real),), math.inf, dtype=real.dtype)
    recalled = torch.zeros(len(real), dtype=torch.bool)
    precise = filled = 0.0
    for chunk, its_radii in zip(fake.split(CHUNK), fake_radii.split(CHUNK), strict=True):
        gaps = distances(chunk, real)
        inside = within(gaps, real_radii)
        precise += inside.any(1).sum().item()
        filled += (inside * weights).sum().item()
        nearest = torch.minimum(nearest, gaps.amin(0))
        recalled |= within(gaps, its_radii[:, None]).any(0)
    return PRDC(
        precision=precise / len(fake),
        recall=recalled.double().mean().item(),
        density=filled / (k * len(fake)),
        coverage=within(nearest, real_radii).double().mean().item(),
    )


def coverage_of_one_distribution(n: int, k: int) -> float:
    """Return the expected coverage for n samples and n examples of one distribution, no ties (Naeem et al. 2020)."""
    return 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))


def within(distance: Tensor, radius: Tensor) -> Tensor:
    """Return whether a point is inside a ball; the centre always is."""
    return (distance < radius) | (distance == 0)


def balls(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the radius of each point's ball [N] and the weight of a sample in it [N].

    The radius is the distance to the k-th nearest neighbour. The weight is below 1 if more than k others equal the
    point.
    """
    found, equal = [], []
    for start in range(0, len(x), CHUNK):
        gaps = distances(x[start : start + CHUNK], x)
        rows = torch.arange(len(gaps))
        gaps[rows, start + rows] = math.inf  # no point is its own neighbour
        found.append(gaps.topk(k, largest=False).values[:, -1])  # faster than kthvalue
        equal.append((gaps == 0).sum(1))
    return torch.cat(found), (k / torch.cat(equal)).clamp_max(1)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Return the distances [N, M] of points centred at 0; exactly 0 if they differ only by rounding."""
    found, own, others = torch.cdist(x, y), EQUAL * x.norm(dim=1), EQUAL * y.norm(dim=1)
    if found.amin() <= own.max() + others.max():  # often none is so small
        found.masked_fill_(found <= own[:, None] + others, 0.0)
    return found


def distances_to_each_group(x: Tensor, reference: Tensor) -> Tensor:
    """Return the distance of each point [N, F] to the nearest point of each group of `reference` [M, F]: [N, GROUPS].

    The distance to an empty group is infinite; groups are empty if M < GROUPS.
    """
    centre, number = reference.mean(0), group_numbers(len(reference))
    groups = [reference[number == group] - centre for group in range(GROUPS)]
    found = torch.full((len(x), GROUPS), math.inf, dtype=x.dtype)
    for start in range(0, len(x), CHUNK):
        chunk = x[start : start + CHUNK] - centre
        for group, points in enumerate(groups):
            if len(points):
                found[start : start + CHUNK, group] = distances(chunk, points).amin(1)
    return found
