"""A game of two phases that trains in milliseconds, with whatever a phase and a hook may have."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.dataset import DataSpec, Split
from genzoo.core.noise import seeded, standard_normal
from genzoo.data.resident import Resident
from genzoo.system.distributed import ALONE, Processes
from genzoo.training.config import Training
from genzoo.training.trainer import Trainer

CPU = torch.device("cpu")
POINTS = torch.randn(48, 2, generator=torch.Generator().manual_seed(3))
SPEC = DataSpec((2,), "gaussian", size=40)


class Line(genzoo.Model):
    """x = Wz + b."""

    @genzoo.config
    class Config:
        latent_dim: int = 2

    def __init__(self, spec: DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.net = nn.Linear(config.latent_dim, 2)

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        drawn: Tensor = self.net(torch.randn(n, self.config.latent_dim))
        return drawn


class Game(genzoo.Loss):
    """A critic in every step, the model in every third, and a running mean of its weights that the critic sees."""

    accepts = Line
    watched = "gap"
    phases = (
        genzoo.Phase("critic", of="loss", lr=2.0, betas=(0.5, 0.9)),
        genzoo.Phase("model", of="model", every=3),
    )

    @genzoo.config
    class Config:
        pass

    seen: Tensor

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        self.critic = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        self.register_buffer("seen", torch.zeros(2))

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        fakes = model.net(self.noise(batch.x))  # type: ignore[operator]
        if phase == 1:
            return {"model": -self.critic(fakes).mean(), "length": fakes.detach().norm(dim=1).mean()}
        gap = (self.critic(batch.x) - self.critic(fakes.detach() + 0.01 * self.seen)).tanh().mean()
        return {"critic": -gap, "gap": gap.detach()}

    def noise(self, like: Tensor) -> Tensor:
        return standard_normal((), like)

    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        self.seen.lerp_(genzoo.gather(batch.x).mean(0) + model.net.bias, 0.25)  # type: ignore[operator, union-attr]


def make_game(loss_class: type[genzoo.Loss] = Game, processes: Processes = ALONE, **options: Any) -> Trainer:
    """Return a trainer with five steps per epoch by default, so that the second phase is active once or twice."""
    with seeded(0):
        model = Line(SPEC, Line.Config())
        loss = loss_class(model, loss_class.Config())
    training = Training(**{"epochs": 3, "batch_size": 8, "lr": 0.01, **options})
    data = Resident(Split(POINTS[:40]), CPU), Resident(Split(POINTS[40:]), CPU)
    return Trainer(model, loss, training, *data, processes=processes)


def everything(trainer: Trainer) -> dict[str, Tensor]:
    """Return copies of weights, buffers, averages and the optimiser's state."""
    tensors = {f"trained.{name}": value for name, value in trainer.trained.state_dict().items()}
    tensors |= {f"objective.{name}": value for name, value in trainer.objective.state_dict().items()}
    return {name: value.clone() for name, value in {**tensors, **trainer.optimizer.tensors()}.items()}
