"""Epochs are compared by the final objective when the loss changes with the step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from small_trainer import assert_equal, make_trainer, weights
from torch import Tensor

import genzoo
from genzoo.training import snapshot
from genzoo.training.callback import Listener
from genzoo.training.final_objective import track_reads
from genzoo.training.objective import objective_terms
from genzoo.training.trainer import Trainer


class Rising(ELBO):
    """A loss whose KL term changes over the first `steps` steps and is then constant."""

    steps = 24

    def share(self, step: Tensor) -> Tensor:
        return torch.clamp(step / self.steps, max=1.0)


class Weighted(Rising):
    """The KL weight rises from 0."""

    def pressure(self, kl: Tensor, step: Tensor) -> Tensor:
        return self.share(step) * kl


class Capacity(Rising):
    """The KL is pulled towards a capacity that rises from 0 (Burgess et al. 2018)."""

    def pressure(self, kl: Tensor, step: Tensor) -> Tensor:
        return 5 * (kl - 2 * self.share(step)).abs()


class Penalised(Rising):
    """A weight penalty that decays to 0; it reads the step by other operators."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        left = 1 - torch.minimum(step, torch.tensor(self.steps)).div(self.steps)
        penalty = sum(parameter.square().sum() for parameter in model.parameters())
        return {**terms, "loss": terms["loss"] - left * 10 * penalty}


class Kept(Listener):
    """Keep the weights after each epoch and the warnings."""

    def __init__(self) -> None:
        self.trainer: Trainer | None = None
        self.weights: list[dict[str, Tensor]] = []
        self.warnings: list[str] = []

    def epoch_finished(self, record: object) -> None:
        assert self.trainer is not None
        self.weights.append(weights(self.trainer))

    def warned(self, text: str) -> None:
        self.warnings.append(text)


def fit_kept(loss_class: type[ELBO], **options: Any) -> tuple[Trainer, Kept]:
    kept = Kept()
    kept.trainer = make_trainer(loss_class=loss_class, listeners=(kept,), **{"lr": 0.03, **options})
    kept.trainer.fit()
    return kept.trainer, kept


def by_the_final_objective(trainer: Trainer, kept: Kept) -> list[float]:
    """Return the loss of each epoch's weights at the last step, computed by a new trainer."""
    found = []
    for state in kept.weights:
        fresh = make_trainer(loss_class=type(trainer.objective.loss))
        fresh.objective.model.load_state_dict(state)
        assert fresh.validation_data is not None
        end = torch.tensor(trainer.total_steps)
        found.append(objective_terms(fresh.objective, fresh.validation_data, end)["loss"])
    return found


RISING = [Weighted, Capacity, Penalised]


@pytest.mark.parametrize("loss_class", RISING)
def test_epochs_are_compared_by_the_final_objective(loss_class: type[ELBO]) -> None:
    trainer, kept = fit_kept(loss_class, epochs=14, patience=4)
    judged = by_the_final_objective(trainer, kept)
    best = trainer.outcome.best_epoch
    assert judged[best - 1] == min(judged)
    assert trainer.stopping.best == judged[best - 1]
    assert_equal(weights(trainer), kept.weights[best - 1])
    own = [epoch.validation["loss"] for epoch in trainer.outcome.epochs]
    assert own[:5] != judged[:5], "the loss of an epoch is that of its own objective"
    assert own[5:] == judged[5:]
    assert len(judged) >= 5 + 4, "no epoch of the warm-up counts against patience"
    assert [epoch.validation["final_loss"] for epoch in trainer.outcome.epochs] == judged
    assert kept.warnings == []


@pytest.mark.parametrize("loss_class", RISING)
@pytest.mark.parametrize("patience", [0, 3])
def test_a_schedule_longer_than_the_training_gives_a_warning(loss_class: type[ELBO], patience: int) -> None:
    _, kept = fit_kept(loss_class, epochs=3, patience=patience)
    assert kept.warnings == [
        "the loss still changes with the step when training ends after 12 steps, as with a longer warm-up; "
        "try more --epochs or a shorter warm-up"
    ]


@pytest.mark.parametrize("loss_class", RISING)
def test_the_best_weights_are_reevaluated_if_the_last_step_changes(loss_class: type[ELBO]) -> None:
    """Three epochs, then resumed to five: compare by the objective of step 20, not of step 12."""
    first, kept = fit_kept(loss_class, epochs=3, patience=9)
    taken = snapshot.take(first)
    second = make_trainer(loss_class=loss_class, epochs=5, patience=9, lr=0.03)
    second.listeners, kept.trainer = [kept], second
    second.fit(taken)
    judged = by_the_final_objective(second, kept)
    candidates = [first.outcome.best_epoch - 1, 3, 4]
    assert second.stopping.best == min(judged[number] for number in candidates)
    assert second.outcome.best_epoch - 1 == min(candidates, key=judged.__getitem__)


@pytest.mark.every(2)
@pytest.mark.parametrize("epochs", [9, 14])
def test_nothing_is_reevaluated_after_the_schedule_has_ended(epochs: int) -> None:
    """A resumed training with more epochs is then one long training, bit for bit."""
    whole, _ = fit_kept(Weighted, epochs=epochs, patience=20)
    half = make_trainer(loss_class=Weighted, epochs=7, patience=20, lr=0.03)
    half.fit()
    rest = make_trainer(loss_class=Weighted, epochs=epochs, patience=20, lr=0.03)
    rest.fit(snapshot.take(half))
    assert (rest.stopping.best, rest.stopping.best_epoch) == (whole.stopping.best, whole.stopping.best_epoch)
    assert [epoch.validation for epoch in rest.outcome.epochs] == [epoch.validation for epoch in whole.outcome.epochs]
    assert_equal(weights(rest), weights(whole))


def test_a_loss_that_ignores_the_step_is_evaluated_once_per_epoch() -> None:
    calls: list[int] = []

    class Counted(ELBO):
        def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
            assert step.device == batch.x.device
            assert step.dtype == torch.int64
            calls.append(self.training)
            return super().forward(model, batch, step)

    trainer, _ = fit_kept(Counted, epochs=3, patience=3)
    assert calls.count(False) == 3
    assert trainer.depends_on_step is False
    assert all("final_loss" not in epoch.validation for epoch in trainer.outcome.epochs)


READERS: dict[str, Callable[[Tensor], Any]] = {
    "operator": lambda step: step + 1,
    "function": lambda step: torch.sin(step),
    "comparison": lambda step: step < 5,
    "in place": lambda step: torch.zeros((), dtype=torch.int64).copy_(step),
    "view": lambda step: step.data,
    "number": lambda step: float(step),
    "nothing": lambda step: (step.device, step.dtype, step.shape),
}


@pytest.mark.parametrize("name", READERS)
def test_a_read_of_the_step_is_recorded(name: str) -> None:
    step = track_reads(torch.tensor(7))
    result = READERS[name](step)
    assert type(step).was_read == (name != "nothing")  # type: ignore[attr-defined]
    assert type(result) in (Tensor, float, tuple)
    plain = READERS[name](torch.tensor(7))
    assert result == plain
