"""The learning rate of each step."""

from __future__ import annotations

from collections.abc import Callable

from genzoo.core.optimizer import Schedule
from genzoo.registry.parts import make_part
from genzoo.training.config import Optimisation


def learning_rate(training: Optimisation, total: int) -> Callable[[int], float]:
    """Return the learning rate of step number n (from 0) of `total`: a pure function, with no state to save.

    Raises:
        UsageError: There is no such schedule, or its argument is invalid.
    """
    schedule: Schedule = make_part("schedule", training.schedule)
    warmup, lr, rest = training.lr_warmup, training.lr, max(total - training.lr_warmup, 1)

    def rate(step: int) -> float:
        return lr * (step + 1) / warmup if step < warmup else lr * schedule.factor(step - warmup, rest)

    return rate
