"""A trainer that runs in milliseconds: a VAE with eight hidden units on 200 points of the plane."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.toy.moons import Moons
from genzoo_plugins.vae.vae import VAE
from torch import Tensor

from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.data.store import Store
from genzoo.experiment.checkpointing import Checkpointer
from genzoo.runs import checkpoints
from genzoo.runs.checkpoint_format import to_snapshot
from genzoo.runs.run import CHECKPOINTS, Run
from genzoo.training.callback import Listener
from genzoo.training.config import Training
from genzoo.training.trainer import Trainer

CPU = torch.device("cpu")
POINTS, VALIDATION = 200, 60


def make_trainer(
    model_class: type[VAE] = VAE,
    loss_class: type[ELBO] = ELBO,
    listeners: tuple[Listener, ...] = (),
    trainer_class: type[Trainer] = Trainer,
    **options: Any,
) -> Trainer:
    """Return a trainer with batches of 50 by default: four steps per epoch."""
    dataset = Moons(Moons.Config(train=POINTS, validation=VALIDATION, test=1))
    splits = dataset.load(Store())
    assert splits.validation is not None
    with seeded(0):
        model = model_class(dataset.spec, model_class.Config(latent_dim=2, hidden=(8,)))
        loss = loss_class(model, loss_class.Config())
    training = Training(**{"epochs": 2, "batch_size": 50, **options})
    train, validation = (Resident(split, CPU) for split in (splits.train, splits.validation))
    return trainer_class(model, loss, training, train, validation, listeners)


def weights(trainer: Trainer) -> dict[str, Tensor]:
    """Return a copy of the weights that would be saved."""
    return {name: value.clone() for name, value in trainer.trained.model.state_dict().items()}


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    """Return whether two sets of weights are equal bit for bit."""
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def stop_at(trainer: Trainer, step: int) -> None:
    """Ask the trainer to stop during a step."""
    make = trainer._train_step

    def stopping(*inputs: Tensor) -> None:
        make(*inputs)
        trainer.stop_requested = trainer.step == step

    trainer._train_step = stopping  # type: ignore[method-assign]


def in_two(make: Callable[[], Trainer], folder: Path, step: int) -> Trainer:
    """The training stopped after a step, saved to a folder, and gone on with by a new trainer, which is returned."""
    first, second = make(), make()
    stop_at(first, step)
    first.listeners.append(Checkpointer(Run(folder), first, dict))
    first.fit()
    assert first.step == step
    start, problems = checkpoints.newest(folder / CHECKPOINTS, lambda checkpoint: to_snapshot(checkpoint, second))
    assert start
    assert not problems
    second.fit(start)
    return second
