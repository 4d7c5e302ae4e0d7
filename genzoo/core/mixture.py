"""Gaussian mixtures, fitted by expectation maximisation (EM)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genzoo.core.noise import derive_seed

RIDGE = 1e-6
"""Added to each variance, relative to the mean variance of the points: a component of few points stays a density."""
LEAST = 1e-6
"""Standard deviation, relative to the largest value, below which points are equal apart from rounding."""
SHRINKAGE = 0.1
"""Points for each dimension that count as if they were spread alike in all directions, in each of several components: a
component of few points for its dimensions is likely where these are and arbitrarily unlikely elsewhere."""
STEPS, TOLERANCE = 300, 1e-7
"""Maximum number of EM steps, and the gain in nats per point below which EM ends earlier."""
LLOYD = 10
"""Number of k-means steps before EM."""
STARTS, TRIAL = 10, 20
"""Number of starts, and of EM steps from each; EM continues from the best. A single start may reach a poor optimum."""


@dataclass(frozen=True)
class GaussianMixture:
    """The density Σ π_k N(μ_k, C_k), in float64."""

    weights: Tensor
    """π [K], with sum 1."""
    means: Tensor
    """μ [K, D]."""
    covariances: Tensor
    """C [K, D, D]."""

    def joint(self, x: Tensor) -> Tensor:
        """Return ln π_k N(x | μ_k, C_k) in nats, [N, K], for points x [N, D]."""
        factors = torch.linalg.cholesky(self.covariances)
        gaps = (x - self.means[:, None]).mT  # [K, D, N]
        squares = torch.linalg.solve_triangular(factors, gaps, upper=False).square().sum(1)
        spreads = factors.diagonal(dim1=1, dim2=2).log().sum(1) + 0.5 * x.shape[1] * math.log(2 * math.pi)
        joint: Tensor = self.weights.log() - spreads - 0.5 * squares.T
        return joint

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln p(x) in nats, [N], for points x [N, D]."""
        return self.joint(x).logsumexp(1)

    def sample(self, n: int) -> Tensor:
        """Draw n points [n, D] from torch's global generator."""
        values, vectors = torch.linalg.eigh(self.covariances)
        # The symmetric root: unlike single eigenvectors, it changes little if the covariance changes little.
        roots = (vectors * values.clamp_min(0).sqrt()[:, None]) @ vectors.mT
        noise = torch.randn(n, self.means.shape[1], dtype=torch.float64)
        if len(self.weights) == 1:
            which = torch.zeros(n, dtype=torch.int64)
        else:
            which = torch.multinomial(self.weights, n, replacement=True)
        drawn = torch.empty_like(noise)
        for number in range(len(self.weights)):
            here = which == number
            drawn[here] = noise[here] @ roots[number] + self.means[number]
        return drawn


def fit_mixture(points: Tensor, components: int, seed: int = 0) -> GaussianMixture:
    """Fit a mixture by EM from several k-means solutions, and return the one with the highest likelihood.

    With one component it has the mean and covariance of the points. The covariances of several are shrunk.

    Args:
        points: [N, D].
        components: K; reduced to the number of distinct points if there are fewer.
        seed: Seed of the choice of initial centres.
    """
    points = points.double()
    spread = points.var(0, correction=0).mean().clamp_min((LEAST * points.abs().max()) ** 2)
    ridge = RIDGE * spread.clamp_min(1e-12).item()
    components = min(components, len(points.unique(dim=0)))
    seeds = [seed, *(derive_seed(seed, "start", number) for number in range(1, STARTS if components > 1 else 1))]
    shrinkage = SHRINKAGE if components > 1 else 0.0
    starts = (maximise(points, start(points, components, own), ridge, shrinkage) for own in seeds)
    fitted = [climb(points, mixture, ridge, TRIAL, shrinkage) for mixture in starts]
    best = max(fitted, key=lambda mixture: mixture.log_prob(points).mean().item())
    return climb(points, best, ridge, shrinkage=shrinkage)


def climb(
    points: Tensor, mixture: GaussianMixture, ridge: float, steps: int = STEPS, shrinkage: float = 0.0
) -> GaussianMixture:
    """Run EM until the likelihood no longer increases (Dempster, Laird & Rubin 1977)."""
    before = -math.inf
    for _ in range(steps if len(mixture.weights) > 1 else 0):
        joint = mixture.joint(points)
        total = joint.logsumexp(1, keepdim=True)
        now = total.mean().item()
        if now - before < TOLERANCE:
            break
        before = now
        mixture = maximise(points, (joint - total).exp(), ridge, shrinkage)
    return mixture


def maximise(points: Tensor, shares: Tensor, ridge: float, shrinkage: float = 0.0) -> GaussianMixture:
    """Return the most likely mixture for given responsibilities (the M step).

    Args:
        points: [N, D].
        shares: The responsibilities, [N, K].
        ridge: Added to each variance.
        shrinkage: Points per dimension that each component has beside its own, with the mean variance within all
            components in each direction: an inverse Wishart prior (Fraley & Raftery 2007, J. Classif. 24, section 3).
    """
    mass, size = shares.sum(0) + 1e-12, points.shape[1]
    means = (shares.T @ points) / mass[:, None]
    gaps = (points - mean for mean in means)
    products = torch.stack([(gap * share[:, None]).T @ gap for gap, share in zip(gaps, shares.T, strict=True)])
    within = products.diagonal(dim1=1, dim2=2).sum() / (size * mass.sum())
    imagined, unit = shrinkage * size, torch.eye(size).to(points)
    covariances = (products + imagined * within * unit) / (mass + imagined)[:, None, None] + ridge * unit
    return GaussianMixture(mass / mass.sum(), means, covariances)


def start(points: Tensor, components: int, seed: int) -> Tensor:
    """Return responsibilities [N, K], each 0 or 1, from k-means++ (Arthur & Vassilvitskii 2007) and a few steps."""
    generator = torch.Generator().manual_seed(seed)
    centres = points[torch.randint(len(points), (1,), generator=generator)]
    while len(centres) < components:
        far = torch.cdist(points, centres).amin(1).square() + 1e-300  # equal points: any will do
        centres = torch.cat([centres, points[torch.multinomial(far, 1, generator=generator)]])
    for _ in range(LLOYD):
        shares = torch.nn.functional.one_hot(torch.cdist(points, centres).argmin(1), components).to(points)
        mass = shares.sum(0)[:, None]
        centres = torch.where(mass > 0, (shares.T @ points) / mass.clamp_min(1), centres)
    return shares
