"""A model with a density: ln p(x) in closed form, and samples."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import widened


class StarterDensity(genzoo.Density):
    """p(x) = 1/K Σ_k Π_i p_k(x_i): a mixture of independent values."""

    @genzoo.config
    class Config:
        components: genzoo.Count = 4
        """K, the number of components."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.head = genzoo.make_likelihood(spec.likelihood)  # as --likelihood says
        self.measure, self.support = self.head.family.measure, self.head.family.support
        self.raw = nn.Parameter(0.1 * torch.randn(config.components, *widened(spec.shape, self.head.outputs)))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """ln p(x) of x [B, *S], [B] in nats."""
        each = [self.head(raw.expand(len(x), *raw.shape)).log_prob(x) for raw in self.raw]
        return torch.stack(each).logsumexp(0) - math.log(len(each))

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        chosen = torch.randint(len(self.raw), (n,), device=self.raw.device)
        drawn: Tensor = self.head(self.raw[chosen]).rsample()
        return drawn
