"""How many steps and epochs a training has."""

from __future__ import annotations

import math
from typing import Literal

from genzoo.core.text import counted
from genzoo.training.config import Training

AUTO: Literal["auto"] = "auto"
LEAST_EPOCHS, LEAST_STEPS, MOST_EPOCHS = 10, 2000, 200
"""What `epochs="auto"` means: 10 epochs, or up to 200 to make 2,000 steps, or as many as make `FEW_STEPS`."""
FEW_STEPS = LEAST_STEPS // 2
"""Fewer than these train little: an MSE of 137 digits is 0.043 after 200, 0.030 after 1,000 and 0.027 after 2,000."""


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
        enough, few = (math.ceil(steps / steps_per_epoch) for steps in (LEAST_STEPS, FEW_STEPS))
        epochs = max(LEAST_EPOCHS, min(enough, MOST_EPOCHS), few)
    steps = epochs * steps_per_epoch
    return min(steps, training.max_steps or steps)


def too_few_steps(training: Training, examples: int, steps_per_epoch: int) -> str:
    """Return a line on a training of few steps, with what to type for more; "" where they are enough.

    Only of data so small that 200 epochs make few steps: a few epochs of more data are a trial run, and who names a
    number of steps knows it.

    Args:
        training: The options.
        examples: Number of training examples.
        steps_per_epoch: As for `planned_steps`.
    """
    steps = planned_steps(training, steps_per_epoch)
    if training.max_steps or max(steps, steps_per_epoch * MOST_EPOCHS) >= FEW_STEPS:
        return ""
    size = 1 << max((examples // 10).bit_length() - 1, 0)  # ten or more of these fill an epoch
    ways = [f"--batch-size {size}"] if 4 < size < training.batch_size else []
    ways.append(f"--epochs {math.ceil(LEAST_STEPS / steps_per_epoch)}")
    many = f"{counted(steps, 'step')} in all; for more: {' or '.join(ways)}"
    return f"{examples:,} training examples and --batch-size {training.batch_size} make {many}"
