"""The rate under a constraint on the reconstruction, whose multiplier is adapted after each step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

import genzoo

LARGEST = math.log(1e4)
"""Bound of |ln λ|, for a tolerance that the model cannot reach or never exceeds."""


class GECO(genzoo.Loss):
    """KL(q(z|x)‖p(z)) + λ·(E[−ln p(x|z)] − κ), with λ ← λ·exp(η·C) after each step, where C is the moving average of
    E[−ln p(x|z)] − κ (Rezende & Viola 2018, algorithm 1), at most 1 nat for each value.

    λ settles where the reconstruction is just as good as κ says: training then minimises the rate at that distortion.
    For a Gaussian of fixed σ, −ln p(x|z) is a squared error as in the paper, up to constants. The loss changes with λ,
    so no epoch is better than another by it.
    """

    accepts = genzoo.LatentModel
    needs_prior = True
    watched = ""

    @genzoo.config
    class Config:
        tolerance: float = 0.15
        """κ, the largest −ln p(x|z), in nats for each value of x."""
        rate: genzoo.Positive = 0.1
        """η, by which the multiplier follows the constraint; C is in nats for each value."""
        smoothing: genzoo.Fraction = 0.99
        """Decay of the moving average C."""

    log_multiplier: Tensor
    excess: Tensor

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        self.register_buffer("log_multiplier", torch.zeros(()))
        self.register_buffer("excess", torch.zeros(()))

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        inference = model.infer(batch)
        reconstruction = -inference.px.log_prob(batch.x).mean()
        kl = inference.kl().mean()
        tolerance, multiplier = self.config.tolerance * model.spec.numel, self.log_multiplier.exp()
        if self.training:
            now = reconstruction.detach() / model.spec.numel - self.config.tolerance
            self.excess.copy_(torch.where(step == 0, now, torch.lerp(now, self.excess, self.config.smoothing)))
        return {
            "loss": kl + multiplier * (reconstruction - tolerance),
            "negative_elbo": (reconstruction + kl).detach(),
            "reconstruction": reconstruction.detach(),
            "kl": kl.detach(),
            "multiplier": multiplier.clone(),
        }

    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        excess = genzoo.gather(self.excess[None]).mean().clamp(-1, 1)
        self.log_multiplier.add_(self.config.rate * excess).clamp_(-LARGEST, LARGEST)
