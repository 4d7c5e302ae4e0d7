"""Mixtures of Gaussians, fitted by expectation maximisation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genzoo.core.noise import derive_seed

RIDGE = 1e-6
"""Added to each variance, as a part of the mean variance of the points: a component on few points stays a density."""
LEAST = 1e-6
"""Deviation, as a part of the largest value, below which points are equal but for rounding."""
STEPS, TOLERANCE = 300, 1e-7
"""EM ends after so many steps, or when one adds no more than this many nats a point."""
LLOYD = 10
"""Steps of k-means from which EM starts."""
STARTS, TRIAL = 10, 20
"""From so many starts EM takes so many steps; it goes on from the likeliest. A single one is stuck now and then."""


@dataclass(frozen=True)
class Mixture:
    """Σ π_k N(μ_k, C_k), everything in float64."""

    weights: Tensor
    """[K], summing to 1."""
    means: Tensor
    """[K, D]"""
    covariances: Tensor
    """[K, D, D]"""

    def joint(self, x: Tensor) -> Tensor:
        """ln π_k N(x | μ_k, C_k) of points [N, D]: [N, K] nats."""
        factors = torch.linalg.cholesky(self.covariances)
        gaps = (x - self.means[:, None]).mT  # [K, D, N]
        squares = torch.linalg.solve_triangular(factors, gaps, upper=False).square().sum(1)
        spreads = factors.diagonal(dim1=1, dim2=2).log().sum(1) + 0.5 * x.shape[1] * math.log(2 * math.pi)
        joint: Tensor = self.weights.log() - spreads - 0.5 * squares.T
        return joint

    def log_prob(self, x: Tensor) -> Tensor:
        """ln p of points [N, D]: [N] nats."""
        return self.joint(x).logsumexp(1)

    def sample(self, n: int) -> Tensor:
        """n points [n, D], drawn by torch's global generator."""
        values, vectors = torch.linalg.eigh(self.covariances)
        # The symmetric root: unlike single eigenvectors, it moves by little where the covariance does.
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


def fit_mixture(points: Tensor, components: int, seed: int = 0) -> Mixture:
    """The likeliest mixture to which EM climbs from several k-means of the points.

    A single Gaussian has their mean and covariance.

    Args:
        points: [N, D].
        components: K; where there are fewer distinct points, as many as there are.
        seed: Of the points that k-means starts from.
    """
    points = points.double()
    spread = points.var(0, correction=0).mean().clamp_min((LEAST * points.abs().max()) ** 2)
    ridge = RIDGE * spread.clamp_min(1e-12).item()
    components = min(components, len(points.unique(dim=0)))
    seeds = [seed, *(derive_seed(seed, "start", number) for number in range(1, STARTS if components > 1 else 1))]
    tried = (maximise(points, start(points, components, own), ridge) for own in seeds)
    found = [climb(points, mixture, ridge, TRIAL) for mixture in tried]
    return climb(points, max(found, key=lambda mixture: mixture.log_prob(points).mean().item()), ridge)


def climb(points: Tensor, mixture: Mixture, ridge: float, steps: int = STEPS) -> Mixture:
    """EM until the likelihood stands still (Dempster, Laird & Rubin 1977)."""
    before = -math.inf
    for _ in range(steps if len(mixture.weights) > 1 else 0):
        joint = mixture.joint(points)
        total = joint.logsumexp(1, keepdim=True)
        now = total.mean().item()
        if now - before < TOLERANCE:
            break
        before = now
        mixture = maximise(points, (joint - total).exp(), ridge)
    return mixture


def maximise(points: Tensor, shares: Tensor, ridge: float) -> Mixture:
    """The mixture that is best for given shares [N, K] of each component in each point."""
    mass = shares.sum(0) + 1e-12
    means = (shares.T @ points) / mass[:, None]
    covariances = []
    for share, mean, total in zip(shares.T, means, mass, strict=True):
        gap = points - mean
        covariances.append((gap * share[:, None]).T @ gap / total + ridge * torch.eye(points.shape[1]).to(points))
    return Mixture(mass / mass.sum(), means, torch.stack(covariances))


def start(points: Tensor, components: int, seed: int) -> Tensor:
    """Shares [N, K], each 0 or 1: a few steps of k-means from centres far apart (Arthur & Vassilvitskii 2007)."""
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
