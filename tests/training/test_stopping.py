"""When training ends before its time: early stopping, a request, and what is not finite."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from small_trainer import assert_equal, make_trainer, weights
from torch import Tensor

import genzoo
from genzoo.errors import NonFiniteError
from genzoo.training.trainer import INTERRUPTED, Listener, Trainer


def scripted(losses: list[float], **options: Any) -> Trainer:
    """A trainer whose validation comes out as written."""
    values = iter(losses)

    class Scripted(Trainer):
        def validate(self) -> dict[str, float]:
            return {"loss": next(values)}

    return make_trainer(trainer_class=Scripted, epochs=len(losses), **options)


@pytest.mark.parametrize(
    ("losses", "patience", "epochs", "best"),
    [
        ([3, 2, 4, 2.5, 1], 2, 4, 2),
        ([3, 2, 4, 2.5, 1], 3, 5, 5),
        ([1, 2, 3, 4, 5], 1, 2, 1),
        ([5, 4, 3, 2, 1], 1, 5, 5),
        ([2, 2, 2, 2, 2], 2, 3, 1),
        ([2, float("nan"), 1, 3, 0.5], 2, 5, 5),
    ],
)
@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_the_best_epochs_weights_are_kept(
    losses: list[float], patience: int, epochs: int, best: int, ema: float
) -> None:
    trainer = scripted(losses, patience=patience, ema=ema)
    outcome = trainer.fit()
    assert (len(outcome.epochs), outcome.best_epoch) == (epochs, best)
    assert outcome.stopped == (f"no better for {patience} epochs" if epochs < len(losses) else "")
    reference = make_trainer(epochs=best, ema=ema)
    reference.fit()
    assert_equal(weights(trainer), weights(reference))


def test_it_stops_a_training_that_goes_astray() -> None:
    """At this rate the first epochs are the best ones."""
    trainer = make_trainer(epochs=60, lr=0.5, patience=4)
    outcome = trainer.fit()
    validation = [epoch.validation["loss"] for epoch in outcome.epochs]
    assert outcome.stopped == "no better for 4 epochs"
    assert len(validation) == outcome.best_epoch + 4 < 60
    assert validation[outcome.best_epoch - 1] == min(validation) < validation[-1]
    assert weights(trainer).keys() == trainer.objective.model.state_dict().keys()
    trainer._step_tensor.fill_(outcome.epochs[outcome.best_epoch - 1].step)
    assert trainer.validate()["loss"] == min(validation)


def test_without_patience_the_last_weights_are_kept() -> None:
    trainer = scripted([1, 2, 3])
    outcome = trainer.fit()
    assert (len(outcome.epochs), outcome.best_epoch, outcome.stopped) == (3, 0, "")
    reference = make_trainer(epochs=3)
    reference.fit()
    assert_equal(weights(trainer), weights(reference))


def test_a_request_is_heard_after_the_step() -> None:
    class Impatient(Listener):
        def stepped(self, done: int, terms: object) -> None:
            trainer.stop_requested = trainer.step == 5

    trainer = make_trainer(epochs=10, listeners=(Impatient(),))
    outcome = trainer.fit()
    assert (trainer.step, outcome.stopped, len(outcome.epochs)) == (6, INTERRUPTED, 1)


def test_a_request_with_patience_keeps_the_best_so_far() -> None:
    class Impatient(Listener):
        def stepped(self, done: int, terms: object) -> None:
            trainer.stop_requested = trainer.step == 10

    trainer = scripted([1, 2, 3], patience=3, listeners=(Impatient(),))
    outcome = trainer.fit()
    assert (outcome.stopped, outcome.best_epoch) == (INTERRUPTED, 1)
    reference = make_trainer(epochs=1)
    reference.fit()
    assert_equal(weights(trainer), weights(reference))


class Poisoned(ELBO):
    """Not a number at the sixth step, and never before or after."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        factor = torch.where(step == 5, torch.nan, 1.0)
        return {**terms, "loss": terms["loss"] * factor} if self.training else terms


class AtTheEnd(Trainer):
    """Looks at the flag once an epoch, as on a GPU, where looking would make it wait."""

    def _require_finite(self, steps: int) -> None:
        if steps % self.steps_per_epoch == 0 and self.step == steps:
            super()._require_finite(steps)


@pytest.mark.parametrize("trainer_class", [Trainer, AtTheEnd], ids=["each step", "each epoch"])
@pytest.mark.parametrize("options", [{}, {"optimizer": "adamw", "weight_decay": 0.1}, {"grad_clip": 0.5}], ids=str)
def test_neither_weights_nor_moments_take_part_in_a_step_that_is_not_finite(
    trainer_class: type[Trainer], options: dict[str, Any]
) -> None:
    class Stop(Listener):
        def stepped(self, done: int, terms: object) -> None:
            healthy.stop_requested = healthy.step == 4

    healthy = make_trainer(epochs=2, listeners=(Stop(),), **options)
    healthy.fit()
    assert healthy.step == 5
    trainer = make_trainer(loss_class=Poisoned, trainer_class=trainer_class, **options)
    with pytest.raises(NonFiniteError) as error:
        trainer.fit()
    last = 6 if trainer_class is Trainer else 8
    assert error.value.message == f"the loss or its gradient is not finite at epoch 2, by step {last}"
    assert "try --lr 0.0003 or --grad-clip 1" in error.value.hint
    assert_equal(weights(trainer), weights(healthy))
    assert_equal(trainer.optimizer.tensors(), healthy.optimizer.tensors())
