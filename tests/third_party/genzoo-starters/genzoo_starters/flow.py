"""An invertible model: a density that also maps x to a code and back."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import genzoo


class StarterFlow(genzoo.Density, genzoo.Autoencoder):
    """x = μ + A·z with z ~ N(0, I) and A lower triangular: ln p(x) = ln N(z) − ln |det A|."""

    kinds = ("vector",)
    measure = "density"

    @genzoo.config
    class Config:
        pass

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.mean = nn.Parameter(torch.zeros(spec.numel))
        self.log_diagonal = nn.Parameter(torch.zeros(spec.numel))
        self.below = nn.Parameter(torch.zeros(spec.numel, spec.numel))

    def matrix(self) -> Tensor:
        """A, [F, F]."""
        return self.below.tril(-1) + torch.diag(self.log_diagonal.exp())

    def prior(self) -> genzoo.Distribution:
        return genzoo.StandardNormal((self.spec.numel,), like=self.anchor)

    def encode(self, x: Tensor) -> Tensor:
        """x [B, F] → z [B, F]."""
        z: Tensor = torch.linalg.solve_triangular(self.matrix(), (x - self.mean).T, upper=False)
        return z.T

    def decode(self, z: Tensor) -> Tensor:
        """z [B, F] → x [B, F]."""
        return self.mean + z @ self.matrix().T

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """ln p(x) of x [B, F], [B] in nats."""
        return self.prior().log_prob(self.encode(x)) - self.log_diagonal.sum()

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return self.decode(self.prior().rsample((n,)))
