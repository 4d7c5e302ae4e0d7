"""A model that draws samples in steps, with options of sampling, and the loss that trains it."""

from __future__ import annotations

import torch
from torch import Tensor

import genzoo
from genzoo.core.nets import mlp
from genzoo.core.noise import standard_normal, uniform


class StarterSampler(genzoo.Model):
    """dx/dt = v(x, t), from noise at t = 0 to data at t = 1."""

    @genzoo.config
    class Config:
        width: genzoo.Count = 64
        """Units of each hidden layer."""

    @genzoo.config
    class Sampling:
        steps: genzoo.Count = 20
        """Steps from noise to data: genzoo sample @last --steps 100."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.net = mlp(spec.numel + 1, (config.width, config.width), spec.numel, "silu")

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """v at x [B, *S] and times t [B]: [B, *S]."""
        v: Tensor = self.net(torch.cat([x.flatten(1), t[:, None]], 1))
        return v.view(x.shape)

    @torch.no_grad()
    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Sampling | None = None
    ) -> Tensor:
        how = options or self.sampling
        x = standard_normal((), self.anchor.new_zeros(n, *self.spec.shape))
        for step in range(how.steps):
            x = x + self.velocity(x, x.new_full((n,), step / how.steps)) / how.steps
        return x.clamp(0, 1) if self.spec.is_image else x


class StarterSamplerLoss(genzoo.Loss):
    """E ‖v(x_t, t) − (x₁ − x₀)‖² with x_t = (1 − t)·x₀ + t·x₁, noise x₀, data x₁ and t uniform on [0, 1]."""

    accepts = StarterSampler

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, StarterSampler)
        noise, t = standard_normal((), batch.x), uniform(batch.x.flatten(1)[:, 0])
        along = t.view(-1, *[1] * (batch.x.dim() - 1))
        error = model.velocity((1 - along) * noise + along * batch.x, t) - (batch.x - noise)
        return {"loss": error.square().flatten(1).sum(1).mean()}
