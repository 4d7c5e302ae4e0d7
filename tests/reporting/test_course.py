"""What the validation losses of a training say of its length."""

from __future__ import annotations

import math
from typing import Any

import pytest

from genzoo.reporting.course import course


def history(validation: list[float], train: list[float] | None = None) -> list[dict[str, Any]]:
    pairs = zip(train or [-float(number) for number in range(len(validation))], validation, strict=True)
    return [{"epoch": n, "train": {"loss": a}, "validation": {"loss": b}} for n, (a, b) in enumerate(pairs, start=1)]


FALLING = [100.0 - number for number in range(40)]
SETTLED = [20 + 80 * math.exp(-number) for number in range(40)]
RISING = [100.0 - 4 * number for number in range(20)] + [24.0 + number for number in range(20)]


def test_a_loss_that_still_falls_is_told() -> None:
    assert course(history(FALLING), "loss").startswith("the validation loss was still falling: genzoo resume")


def test_a_loss_that_was_lower_before_is_told_with_the_epoch_and_what_keeps_it() -> None:
    means = "25.50 from epoch 21 on and 41.50 at the end, in means of 4 epochs"
    told = f"the validation loss was lower before: {means}; --patience 4 keeps the best weights"
    assert course(history(RISING), "loss") == told


@pytest.mark.parametrize(
    ("validation", "train", "watched"),
    [
        (SETTLED, None, "loss"),
        (FALLING[:9], None, "loss"),  # too few epochs
        (FALLING, None, ""),  # a game
        ([5.0] * 40, None, "loss"),
        (FALLING[::-1], None, "loss"),  # it never fell
        (RISING, [100.0 - 4 * n for n in range(20)] + [30.0 + n for n in range(20)], "loss"),  # a warm-up raises both
        ([*FALLING[:-1], math.nan], None, "loss"),
    ],
)
def test_other_courses_are_not(validation: list[float], train: list[float] | None, watched: str) -> None:
    assert course(history(validation, train), watched) == ""
