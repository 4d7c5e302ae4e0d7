"""A model that is fitted in closed form: it is not trained by steps."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

import genzoo


class StarterClosedForm(genzoo.Density):
    """Independent Gaussians with the mean and the variance of each value in the data."""

    measure = "density"

    mean: Tensor
    log_var: Tensor

    @genzoo.config
    class Config:
        floor: genzoo.Positive = 1e-6
        """Smallest variance."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.register_buffer("mean", torch.zeros(spec.shape))
        self.register_buffer("log_var", torch.zeros(spec.shape))

    def fit(self, batches: Iterable[genzoo.Batch]) -> None:
        """Set the mean and the variance to those of the data, in one pass."""
        x = torch.cat([batch.x for batch in batches])
        self.mean.copy_(x.mean(0))
        self.log_var.copy_(x.var(0, correction=0).clamp_min(self.config.floor).log())

    def px(self, n: int) -> genzoo.Distribution:
        """p(x), n times."""
        mean, log_var = (value.expand(n, *value.shape) for value in (self.mean, self.log_var))
        return genzoo.DiagGaussian(mean, log_var, event_dims=self.mean.dim())

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """ln p(x) of x [B, *S], [B] in nats."""
        return self.px(len(x)).log_prob(x)

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return self.px(n).rsample()
