"""Kernel density estimate, with the bandwidth of the largest leave-one-out likelihood."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.distributions import LOG_2PI
from genzoo_plugins.classical.ppca import flat

SELECTED = 2000
"""Number of examples whose leave-one-out likelihood chooses the bandwidth."""
LEAST = 1e-3
"""The least bandwidth, as a share of the data's standard deviation: equal examples would take it to 0."""
GRID, ROUNDS = 17, 4
"""Bandwidths that are tried in each round, each round between the neighbours of the best of the last."""


class KDE(genzoo.Density):
    """ln p(x) = ln 1/N Σ N(x; x_n, h²I) (Parzen 1962).

    h maximises the likelihood of training examples, each left out in its own term: with it included, h would be 0.
    """

    examples: Tensor
    count: Tensor
    log_bandwidth: Tensor

    @genzoo.config
    class Config:
        points: genzoo.Count = 10_000
        """N, the largest number of training examples that are kept, drawn at random."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        kept = min(config.points, spec.size or config.points)
        self.register_buffer("examples", torch.zeros(kept, spec.numel))
        self.register_buffer("count", torch.ones(()))  # of the examples that are set
        self.register_buffer("log_bandwidth", torch.zeros(()))

    def fit(self, batches: Iterable[genzoo.Batch]) -> None:
        x = torch.cat(list(flat(batches)))
        x = x[torch.randperm(len(x))[: len(self.examples)]]
        self.examples[: len(x)] = x.to(self.examples)
        self.count.fill_(len(x))
        self.log_bandwidth.copy_(best_bandwidth(x))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        squares = torch.cdist(x.flatten(1).double(), self.examples.double()).square()
        unset = torch.arange(len(self.examples), device=x.device) >= self.count
        return log_kernels(squares.masked_fill(unset, math.inf), self.log_bandwidth, self.count, x[0].numel()).to(x)

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        which = (torch.rand(n, device=self.examples.device) * self.count).long()
        x = self.examples[which]
        return (x + self.log_bandwidth.exp() * torch.randn_like(x)).view(n, *self.spec.shape)


def log_kernels(squares: Tensor, log_bandwidth: Tensor, count: Tensor, size: int) -> Tensor:
    """Return ln 1/N Σ N(x; x_n, h²I) [B] from squared distances [B, N'], of which those of unused x_n are infinite."""
    kernels = -0.5 * squares * torch.exp(-2 * log_bandwidth)
    return kernels.logsumexp(1) - count.log() - size * (log_bandwidth + 0.5 * LOG_2PI)


def best_bandwidth(x: Tensor) -> Tensor:
    """Return ln h of the largest leave-one-out likelihood of x [N, D], by grids that get finer."""
    size, few = x.shape[1], x[:SELECTED]
    squares = torch.cdist(few, x).square()
    squares[torch.arange(len(few)), torch.arange(len(few))] = math.inf
    spread = x.var(0, correction=0).mean().clamp_min(1e-12).sqrt().log()
    if len(x) == 1:
        return spread
    low, high = spread + math.log(LEAST), spread + math.log(10)
    others = torch.tensor(len(x) - 1.0, dtype=x.dtype)
    for _ in range(ROUNDS):
        tried = torch.linspace(low.item(), high.item(), GRID, dtype=x.dtype)
        scores = torch.stack([log_kernels(squares, h, others, size).mean() for h in tried])
        best = int(scores.argmax())
        low, high = tried[max(best - 1, 0)], tried[min(best + 1, GRID - 1)]
    return tried[best]
