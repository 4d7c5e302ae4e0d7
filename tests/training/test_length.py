"""How long a training is, by epochs and by steps."""

from __future__ import annotations

from typing import Any

import pytest
from small_trainer import assert_equal, make_trainer, weights

from genzoo.training import snapshot
from genzoo.training.config import Training
from genzoo.training.length import planned_steps


@pytest.mark.parametrize(
    ("options", "steps_per_epoch", "steps"),
    [
        ({}, 468, 4680),  # ten epochs, as MNIST has them
        ({}, 11, 2002),  # as many epochs as 2,000 steps take
        ({}, 9, 1800),  # no more than 200 epochs
        ({}, 1, 1000),  # unless they are few steps
        ({}, 3, 1002),
        ({"epochs": 3}, 9, 27),
        ({"max_steps": 100}, 9, 100),
        ({"max_steps": 5000}, 9, 5000),  # more than the automatic length
        ({"max_steps": 20, "epochs": 3}, 9, 20),
        ({"max_steps": 30, "epochs": 3}, 9, 27),
    ],
)
def test_the_number_of_steps(options: dict[str, Any], steps_per_epoch: int, steps: int) -> None:
    assert planned_steps(Training(**options), steps_per_epoch) == steps


@pytest.mark.parametrize(("steps", "epochs", "finished"), [(1, 1, 0), (6, 2, 1), (8, 2, 2)])
def test_training_ends_after_the_steps_that_were_asked_for(steps: int, epochs: int, finished: int) -> None:
    trainer = make_trainer(epochs="auto", max_steps=steps)  # an epoch has 4 steps
    outcome = trainer.fit()
    assert (outcome.step, outcome.stopped, trainer.epochs, len(outcome.epochs)) == (steps, "", epochs, finished)


@pytest.mark.parametrize("steps", [3, 4, 6])
def test_more_steps_go_on_from_the_last_one_bit_for_bit(steps: int) -> None:
    first = make_trainer(max_steps=steps)
    first.fit()
    again = make_trainer(max_steps=steps)
    assert again.fit(snapshot.take(first)).step == steps, "no step is left"
    assert_equal(weights(first), weights(again))
    more, whole = make_trainer(max_steps=11), make_trainer(max_steps=11)
    more.fit(snapshot.take(first))
    whole.fit()
    assert_equal(weights(whole), weights(more))
