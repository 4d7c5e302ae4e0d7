"""The relativistic loss: a critic compares samples with examples, and its slopes are penalised."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

import genzoo
from genzoo_plugins.adversarial.gan import Game


class Relativistic(Game):
    """E ln(1 + exp(D(G(z)) − D(x))) + ½·(γ₁·E_x‖∇D‖² + γ₂·E_G(z)‖∇D‖²) for the critic, and
    E ln(1 + exp(D(x) − D(G(z)))) for the generator (Huang et al. 2024, equations 2, 7 and 8), in nats.

    Each example is paired with a sample. The best critic without penalties is ln p(x) − ln g(x) up to a constant; at
    p = g "critic" and "generator" are ln 2. Near the solution the game without penalties circles it for ever, and with
    γ₁ + γ₂ > 0 it arrives (Mescheder et al. 2018, arXiv 1801.04406, lemma 3.3). "slope_data" and "slope_samples" are
    the mean squared lengths of the critic's gradients.
    """

    second_order = True
    phases = (
        genzoo.Phase("critic", of="loss", betas=(0.0, 0.99)),
        genzoo.Phase("generator", of="model", betas=(0.0, 0.99)),
    )

    @genzoo.config
    class Config(Game.Config):
        penalty_data: genzoo.NonNegative = 1.0
        """γ₁, weight of the squared slopes at the data (R1)."""
        penalty_samples: genzoo.NonNegative = 1.0
        """γ₂, weight of the squared slopes at the samples (R2)."""

    config: Config

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        if phase == 1:
            fakes = self.generated(model, batch)
            return {"generator": F.softplus(self.scores(batch.x) - self.scores(fakes)).mean()}
        with torch.no_grad():
            fakes = self.generated(model, batch)
        answers, squares = self.slopes(torch.cat([batch.x, fakes]))
        real, fake = answers.chunk(2)
        of_data, of_samples = (part.mean() for part in squares.chunk(2))
        penalty = 0.5 * (self.config.penalty_data * of_data + self.config.penalty_samples * of_samples)
        return {
            "critic": F.softplus(fake - real).mean() + penalty,
            "slope_data": of_data.detach(),
            "slope_samples": of_samples.detach(),
        }
