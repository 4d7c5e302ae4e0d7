"""When training ends before its time: early stopping, a request, and what is not finite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from small_trainer import assert_equal, make_trainer, stop_at, weights
from torch import Tensor

import genzoo
from genzoo.core.errors import NonFiniteError
from genzoo.core.listener import INTERRUPTED
from genzoo.training import snapshot
from genzoo.training.callback import Listener
from genzoo.training.trainer import Trainer, objective_terms
from genzoo.training.yardstick import watched


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
    trainer.step = outcome.epochs[outcome.best_epoch - 1].step
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

    def require_finite(self) -> None:
        if self._since is None:
            super().require_finite()


@pytest.mark.parametrize("trainer_class", [Trainer, AtTheEnd], ids=["each step", "each epoch"])
@pytest.mark.parametrize("options", [{}, {"optimizer": "adamw", "weight_decay": 0.1}, {"grad_clip": 0.5}], ids=str)
def test_neither_weights_nor_moments_take_part_in_a_step_that_is_not_finite(
    trainer_class: type[Trainer], options: dict[str, Any]
) -> None:
    healthy = make_trainer(epochs=2, **options)
    stop_at(healthy, 5)
    healthy.fit()
    assert healthy.step == 5
    trainer = make_trainer(loss_class=Poisoned, trainer_class=trainer_class, **options)
    with pytest.raises(NonFiniteError) as error:
        trainer.fit()
    where = "epoch 2, step 6 (batch 2 of 4, gradient norm nan)"
    assert error.value.message == f"the loss or its gradient is not finite at {where}"
    assert "try --lr 0.0003 or --grad-clip 1" in error.value.hint
    assert_equal(weights(trainer), weights(healthy))
    assert_equal(trainer.optimizer.tensors(), healthy.optimizer.tensors())


class Rising(ELBO):
    """Its last part comes in over the first `steps` steps, and then stays."""

    steps = 24

    def share(self, step: Tensor) -> Tensor:
        return torch.clamp(step / self.steps, max=1.0)


class Weighted(Rising):
    """The KL's weight rises from 0."""

    def pressure(self, kl: Tensor, step: Tensor) -> Tensor:
        return self.share(step) * kl


class Capacity(Rising):
    """The KL is drawn to a capacity that rises from 0 (Burgess et al. 2018)."""

    def pressure(self, kl: Tensor, step: Tensor) -> Tensor:
        return 5 * (kl - 2 * self.share(step)).abs()


class Penalised(Rising):
    """A penalty of the weights that falls to nothing, read from the step by other operators."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        left = 1 - torch.minimum(step, torch.tensor(self.steps)).div(self.steps)
        penalty = sum(parameter.square().sum() for parameter in model.parameters())
        return {**terms, "loss": terms["loss"] - left * 10 * penalty}


class Kept(Listener):
    """The weights after each epoch."""

    def __init__(self) -> None:
        self.trainer: Trainer | None = None
        self.weights: list[dict[str, Tensor]] = []
        self.said: list[str] = []

    def epoch_finished(self, record: object) -> None:
        assert self.trainer is not None
        self.weights.append(weights(self.trainer))

    def warned(self, text: str) -> None:
        self.said.append(text)


def fit_kept(loss_class: type[ELBO], **options: Any) -> tuple[Trainer, Kept]:
    kept = Kept()
    kept.trainer = make_trainer(loss_class=loss_class, listeners=(kept,), **{"lr": 0.03, **options})
    kept.trainer.fit()
    return kept.trainer, kept


def by_the_final_objective(trainer: Trainer, kept: Kept) -> list[float]:
    """The loss of each epoch's weights at the last step, computed afresh."""
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
    assert own[:5] != judged[:5], "the lines are those of each epoch's own objective"
    assert own[5:] == judged[5:]
    assert len(judged) >= 5 + 4, "no epoch of the warm-up counts against patience"
    assert [epoch.validation["final_loss"] for epoch in trainer.outcome.epochs] == judged
    assert kept.said == []


@pytest.mark.parametrize("loss_class", RISING)
@pytest.mark.parametrize("patience", [0, 3])
def test_a_schedule_longer_than_the_training_is_a_warning(loss_class: type[ELBO], patience: int) -> None:
    _, kept = fit_kept(loss_class, epochs=3, patience=patience)
    assert kept.said == [
        "the loss still changes with the step when training ends after 12 steps, as with a warm-up that is longer; "
        "try more --epochs or a shorter one"
    ]


@pytest.mark.parametrize("loss_class", RISING)
def test_what_was_best_is_judged_again_where_the_training_ends_elsewhere(loss_class: type[ELBO]) -> None:
    """Three epochs, then on to five: by the objective of step 20, not of step 12."""
    first, kept = fit_kept(loss_class, epochs=3, patience=9)
    taken = snapshot.take(first)
    second = make_trainer(loss_class=loss_class, epochs=5, patience=9, lr=0.03)
    second.listeners, kept.trainer = [kept], second
    second.fit(taken)
    judged = by_the_final_objective(second, kept)
    candidates = [first.outcome.best_epoch - 1, 3, 4]
    assert second.stopping.best == min(judged[number] for number in candidates)
    assert second.outcome.best_epoch - 1 == min(candidates, key=judged.__getitem__)


@pytest.mark.parametrize("epochs", [9, 14])
def test_a_schedule_that_is_over_leaves_nothing_to_judge_again(epochs: int) -> None:
    """Then more epochs are one training with more epochs, bit for bit."""
    whole, _ = fit_kept(Weighted, epochs=epochs, patience=20)
    half = make_trainer(loss_class=Weighted, epochs=7, patience=20, lr=0.03)
    half.fit()
    rest = make_trainer(loss_class=Weighted, epochs=epochs, patience=20, lr=0.03)
    rest.fit(snapshot.take(half))
    assert (rest.stopping.best, rest.stopping.best_epoch) == (whole.stopping.best, whole.stopping.best_epoch)
    assert [epoch.validation for epoch in rest.outcome.epochs] == [epoch.validation for epoch in whole.outcome.epochs]
    assert_equal(weights(rest), weights(whole))


def test_a_loss_that_knows_no_step_is_evaluated_once_an_epoch() -> None:
    calls: list[int] = []

    class Counted(ELBO):
        def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
            assert step.device == batch.x.device
            assert step.dtype == torch.int64
            calls.append(self.training)
            return super().forward(model, batch, step)

    trainer, _ = fit_kept(Counted, epochs=3, patience=3)
    assert calls.count(False) == 3
    assert trainer.moves is False
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
def test_whether_the_step_was_read(name: str) -> None:
    step = watched(torch.tensor(7))
    result = READERS[name](step)
    assert type(step).was_read == (name != "nothing")  # type: ignore[attr-defined]
    assert type(result) in (Tensor, float, tuple)
    plain = READERS[name](torch.tensor(7))
    assert result == plain
