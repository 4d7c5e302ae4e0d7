"""The Wasserstein distance between data and samples, by a critic with a gradient penalty."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import uniform
from genzoo_plugins.adversarial.gan import Game

TINY = 1e-12
"""Added to the squared norm of a gradient: the norm has no derivative at 0."""


class Wasserstein(Game):
    """E D(G(z)) − E D(x) + λ·E(‖∇D(x̂)‖ − 1)² for the critic, −E D(G(z)) for the generator (Gulrajani et al. 2017,
    algorithm 1).

    x̂ is at a random place on the line from an example to a sample. "distance" is E D(x) − E D(G(z)), which estimates
    the Wasserstein-1 distance as well as the critic is trained.
    """

    second_order = True

    @genzoo.config
    class Config(Game.Config):
        penalty: genzoo.NonNegative = 10.0
        """λ, weight of the gradient penalty."""
        critic_steps: genzoo.Count = 5
        """Steps of the critic for each step of the generator."""

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        betas = (0.0, 0.9)
        self.phases = (
            genzoo.Phase("critic", of="loss", betas=betas),
            genzoo.Phase("generator", of="model", every=config.critic_steps, betas=betas),
        )

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        if phase == 1:
            return {"generator": -self.scores(self.generated(model, batch)).mean()}
        with torch.no_grad():
            fakes = self.generated(model, batch)
        distance = self.scores(batch.x).mean() - self.scores(fakes).mean()
        penalty = self.penalty(batch.x, fakes)
        return {
            "critic": self.config.penalty * penalty - distance,
            "distance": distance.detach(),
            "penalty": penalty.detach(),
        }

    def penalty(self, x: Tensor, fakes: Tensor) -> Tensor:
        """Return E(‖∇D‖ − 1)² between examples and samples [B, *S]: a scalar."""
        share = uniform(x.flatten(1)[:, :1]).view(-1, *(1 for _ in x.shape[1:]))
        _, squares = self.slopes(torch.lerp(fakes, x, share))
        norm = (squares + TINY).sqrt()
        return (norm - 1).square().mean()
