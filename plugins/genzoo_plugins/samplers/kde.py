"""A kernel density of codes."""

from __future__ import annotations

import torch
from torch import Tensor

import genzoo
from genzoo_plugins.classical.kde import best_bandwidth, log_kernels
from genzoo_plugins.samplers.whitened import Whitened

CHUNK = 1024
"""Codes whose distances to all others are in memory at a time."""


class KernelSampler(Whitened):
    """p(z) = 1/N Σ_i N(z; z_i, h² C) over the N codes z_i, with C their covariance (Parzen 1962).

    h maximises the likelihood of each code given all others (Duin 1976, IEEE Trans. Comput. C-25). The density gives
    codes of the training data a high likelihood, and samples repeat them: see the metric `memorisation`.
    """

    whitened: Tensor
    """[N, D]: the codes, with mean 0 and covariance I."""
    width: Tensor
    """h, in standard deviations of the codes."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.register_buffer("whitened", torch.zeros(1, self.dim, dtype=torch.float64))
        self.register_buffer("width", torch.ones((), dtype=torch.float64))

    def fit(self, codes: Tensor) -> None:
        if len(codes) < 2:
            raise genzoo.UsageError("a kernel density needs at least 2 codes", "use --sampler gaussian")
        self.whitened = self.whiten(codes)
        self.width = best_bandwidth(self.whitened).exp()

    def sample(self, n: int) -> Tensor:
        chosen = self.whitened[torch.randint(len(self.whitened), (n,))]
        return self.coloured(chosen + self.width * torch.randn_like(chosen))

    def log_prob(self, z: Tensor) -> Tensor:
        count, parts = torch.tensor(float(len(self.whitened))), self.white(z).split(CHUNK)
        squares = (
            torch.cdist(part, self.whitened, compute_mode="donot_use_mm_for_euclid_dist").square() for part in parts
        )
        total = torch.cat([log_kernels(each, self.width.log(), count, self.dim) for each in squares])
        return total + self.log_det
