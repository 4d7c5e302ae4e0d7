"""The learning rate of each step."""

from __future__ import annotations

import math

from genzoo.training.config import Training


def learning_rate(training: Training, step: int, total: int) -> float:
    """Return the learning rate of step number `step` (from 0) of `total`: a pure function, with no state to save."""
    warmup = training.lr_warmup
    if step < warmup:
        return training.lr * (step + 1) / warmup
    if training.schedule == "constant":
        return training.lr
    progress = (step - warmup) / max(total - warmup, 1)
    return training.lr * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
