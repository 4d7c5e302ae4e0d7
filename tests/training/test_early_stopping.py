"""Early stopping, time limits and stop requests: when training ends, and whose weights are kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from small_trainer import assert_equal, make_trainer, weights

from genzoo.core.errors import UsageError
from genzoo.core.listener import INTERRUPTED, OUT_OF_TIME
from genzoo.training import snapshot
from genzoo.training.callback import Listener
from genzoo.training.trainer import Trainer


def scripted(losses: list[float], **options: Any) -> Trainer:
    """Return a trainer whose validation losses are given."""
    values = iter(losses)

    class Scripted(Trainer):
        def validate(self) -> dict[str, float]:
            return {"loss": next(values)}

    return make_trainer(trainer_class=Scripted, epochs=len(losses), **options)


@pytest.mark.every(2)
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


def test_a_diverging_training_is_stopped() -> None:
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


def test_a_stop_request_takes_effect_after_the_step() -> None:
    class Impatient(Listener):
        def stepped(self, done: int, terms: object) -> None:
            trainer.stop_requested = trainer.step == 5

    trainer = make_trainer(epochs=10, listeners=(Impatient(),))
    outcome = trainer.fit()
    assert (trainer.step, outcome.stopped, len(outcome.epochs)) == (6, INTERRUPTED, 1)


def test_a_stop_request_with_patience_keeps_the_best_weights_so_far() -> None:
    class Impatient(Listener):
        def stepped(self, done: int, terms: object) -> None:
            trainer.stop_requested = trainer.step == 10

    trainer = scripted([1, 2, 3], patience=3, listeners=(Impatient(),))
    outcome = trainer.fit()
    assert (outcome.stopped, outcome.best_epoch) == (INTERRUPTED, 1)
    reference = make_trainer(epochs=1)
    reference.fit()
    assert_equal(weights(trainer), weights(reference))


def of_one_second(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Trainer:
    """Return a trainer of four steps per epoch, each of which takes one second."""
    trainer = make_trainer(**options)
    clock = SimpleNamespace(perf_counter=lambda: float(trainer.step))
    monkeypatch.setattr("genzoo.training.trainer.time", clock)
    return trainer


@pytest.mark.parametrize(
    ("limit", "step", "epochs"), [("6", 6, 1), ("5.5s", 6, 1), ("0.1m", 6, 1), (8, 8, 2), (1, 1, 0), (12, 12, 3)]
)
def test_training_ends_at_the_step_that_uses_up_the_time(
    limit: str | float, step: int, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = of_one_second(monkeypatch, epochs=5, max_time=limit).fit()
    assert (outcome.stopped, outcome.step, len(outcome.epochs)) == (OUT_OF_TIME, step, epochs)
    assert (outcome.seconds, outcome.images) == (step, 50 * step)


def test_time_that_is_not_used_up_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    limited = of_one_second(monkeypatch, epochs=2, max_time="2h")
    outcome, free = limited.fit(), make_trainer(epochs=2)
    free.fit()
    assert (outcome.stopped, outcome.seconds, outcome.images) == ("", 8, 400)
    assert_equal(weights(limited), weights(free))


@pytest.mark.parametrize("limit", [3, 4, 6])
def test_more_time_goes_on_where_the_time_was_up_bit_for_bit(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    first = of_one_second(monkeypatch, epochs=3, max_time=limit)
    first.fit()
    again = of_one_second(monkeypatch, epochs=3, max_time=limit)
    assert again.fit(snapshot.take(first)).step == limit, "no step is left"
    assert_equal(weights(first), weights(again))
    more = of_one_second(monkeypatch, epochs=3, max_time=10)
    assert more.fit(snapshot.take(first)).seconds == 10
    whole = of_one_second(monkeypatch, epochs=3, max_time=10)
    whole.fit()
    assert_equal(weights(whole), weights(more))


@pytest.mark.parametrize("limit", ["", "ten", "-5", "5d", "nan", -1.0])
def test_what_is_no_duration_is_refused(limit: str | float) -> None:
    with pytest.raises(UsageError, match="--max-time"):
        make_trainer(max_time=limit)
