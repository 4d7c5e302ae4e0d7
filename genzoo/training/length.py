"""How many steps and epochs a training has."""

from __future__ import annotations

import math
from typing import Literal

from genzoo.training.config import Training

AUTO: Literal["auto"] = "auto"
LEAST_EPOCHS, LEAST_STEPS, MOST_EPOCHS = 10, 2000, 200
"""What `epochs="auto"` means: 10 epochs, or more to make 2,000 steps, but no more than 200."""


def planned_steps(training: Training, steps_per_epoch: int) -> int:
    """Return the number of steps of a whole training.

    Args:
        training: The options; where `max_steps` and a number of epochs are both given, the shorter one counts.
        steps_per_epoch: Steps of one pass over the training data.
    """
    if training.epochs != AUTO:
        epochs = int(training.epochs)
    elif training.max_steps:
        return training.max_steps
    else:
        epochs = min(max(LEAST_EPOCHS, math.ceil(LEAST_STEPS / steps_per_epoch)), MOST_EPOCHS)
    steps = epochs * steps_per_epoch
    return min(steps, training.max_steps or steps)
