"""A kernel density of codes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import genzoo
from genzoo.core.mixture import fit_mixture

NARROWEST, WIDEST = 1e-3, 3.0
"""The widths between which the best is searched, in standard deviations of the codes."""
TRIED = 12
"""Widths on a first grid, evenly spaced in their logarithm."""
STEPS = 16
"""Golden sections of the interval about the best of them: the width is then exact to a thousandth."""
SCORED = 500
"""Codes whose likelihood given all others is compared. More of them hardly change the width."""
GOLDEN = (math.sqrt(5) - 1) / 2
CHUNK = 1024
LOG_2_PI = math.log(2 * math.pi)


class KernelSampler(genzoo.Sampler):
    """p(z) = 1/N Σ_i N(z; z_i, h² C) over the N codes z_i, with C their covariance (Parzen 1962).

    h maximises the likelihood of each code given all others (Duin 1976, IEEE Trans. Comput. C-25). The density gives
    codes of the training data a high likelihood, and samples repeat them: see the metric `memorisation`.
    """

    whitened: Tensor
    """[N, D]: the codes, with mean 0 and covariance I."""
    mean: Tensor
    root: Tensor
    """[D, D]: the Cholesky factor of C."""
    width: Tensor
    """h, in standard deviations of the codes."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.register_buffer("whitened", torch.zeros(1, self.dim, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(self.dim, dtype=torch.float64))
        self.register_buffer("root", torch.eye(self.dim, dtype=torch.float64))
        self.register_buffer("width", torch.ones((), dtype=torch.float64))

    def fit(self, codes: Tensor) -> None:
        if len(codes) < 2:
            raise genzoo.UsageError("a kernel density needs at least 2 codes", "use --sampler gaussian")
        gaussian = fit_mixture(codes, 1)
        self.mean, self.root = gaussian.means[0], torch.linalg.cholesky(gaussian.covariances[0])
        self.whitened = self.white(codes)
        self.width = torch.tensor(best_width(self.whitened), dtype=torch.float64)

    def white(self, z: Tensor) -> Tensor:
        """Return codes [N, D] with the mean and the covariance of the fitted ones taken away."""
        solved: Tensor = torch.linalg.solve_triangular(self.root, (z - self.mean).T, upper=False).T
        return solved

    def sample(self, n: int) -> Tensor:
        chosen = self.whitened[torch.randint(len(self.whitened), (n,))]
        return self.mean + (chosen + self.width * torch.randn_like(chosen)) @ self.root.T

    def log_prob(self, z: Tensor) -> Tensor:
        parts = [log_kernels(squares(part, self.whitened), self.width.item(), self.dim) for part in
                 self.white(z).split(CHUNK)]  # fmt: skip
        total = torch.cat([part.logsumexp(1) for part in parts]) - math.log(len(self.whitened))
        return total - self.root.diagonal().log().sum()


def squares(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared distances of points x [N, D] and y [M, D]: [N, M]."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square()


def log_kernels(square: Tensor, width: float, dim: int) -> Tensor:
    """Return ln N(y; x, h² I) in D dimensions for squared distances of any shape."""
    return -0.5 * square / width**2 - dim * (math.log(width) + 0.5 * LOG_2_PI)


def left_out(square: Tensor, width: float, dim: int) -> float:
    """Return the mean log-density of points given all others.

    Args:
        square: [M, N], the squared distances of M of the N points to all of them, infinite to themselves.
        width: h.
        dim: D.
    """
    nearest = square.amin(1, keepdim=True)
    sums = (-0.5 * (square - nearest) / width**2).exp().sum(1)
    logs = log_kernels(nearest[:, 0], width, dim) + sums.log() - math.log(square.shape[1] - 1)
    return logs.mean().item()


def best_width(points: Tensor) -> float:
    """Return the h that maximises `left_out` for points [N, D]: the best of a grid, refined by golden sections."""
    scored = torch.randperm(len(points))[:SCORED]
    square = squares(points[scored], points)
    square[torch.arange(len(scored)), scored] = math.inf
    grid = torch.linspace(math.log(NARROWEST), math.log(WIDEST), TRIED, dtype=torch.float64).tolist()

    def score(log_width: float) -> float:
        return left_out(square, math.exp(log_width), points.shape[1])

    best = max(range(TRIED), key=lambda place: score(grid[place]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, TRIED - 1)]
    for _ in range(STEPS):
        first, second = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        low, high = (low, second) if score(first) >= score(second) else (first, high)
    return math.exp((low + high) / 2)
