"""Detect and report trainings that are not finite."""

from __future__ import annotations

import torch
from torch import Tensor

from genzoo.core.errors import NonFiniteError
from genzoo.core.text import significant
from genzoo.training.config import Training
from genzoo.training.step import Step

WILD = 30
"""From this multiple of the usual learning rate on, a run is trained anew and not resumed."""
PIECE = 1 << 15
"""Largest number of values that torch sums in the calling thread; more would wake other threads."""


def is_finite(tensor: Tensor) -> bool:
    """Return whether every value is finite.

    A finite sum has finite terms only, and takes a fortieth of the time of checking each value. Finite values may
    overflow their sum: then each value is checked.
    """
    sums = torch.stack([piece.sum() for piece in tensor.detach().flatten().split(PIECE)])
    return bool(sums.isfinite().all()) or bool(tensor.isfinite().all())


def not_finite(body: Step, step: int, steps_per_epoch: int, usual_lr: float) -> NonFiniteError:
    """Return the error for a step that was not finite, or for too many skipped steps.

    Args:
        body: The step.
        step: Number of steps before it.
        steps_per_epoch: Steps per epoch.
        usual_lr: The learning rate of the model where none is asked for.
    """
    training = body.training
    if training.on_nan == "skip":
        what = f"{int(body.skipped):,} steps were not finite, more than --max-skips {training.max_skips}"
        return NonFiniteError(f"{what}, by step {step:,}", f"try {suggestion(training, usual_lr)}")
    epoch, batch = divmod(step, steps_per_epoch)
    return NonFiniteError(
        f"the loss or its gradient is not finite at epoch {epoch + 1}, step {step + 1:,} "
        f"(batch {batch + 1:,} of {steps_per_epoch:,}, gradient norm {float(body.norm):.3g})",
        f"the weights are those before that step; try {suggestion(training, usual_lr)}",
    )


def suggestion(training: Training, usual_lr: float) -> str:
    """Return options to try when training is not finite."""
    return f"--lr {smaller_rate(training, usual_lr)} or --grad-clip 1"


def is_wild(training: Training, usual_lr: float) -> bool:
    """Return whether a learning rate is so much larger than usual that its first steps may have spoilt the weights."""
    return training.lr >= WILD * usual_lr


def smaller_rate(training: Training, usual_lr: float) -> str:
    """Return a smaller learning rate to try: a third, or where that is more, the one that the model usually has."""
    third = training.lr / 3
    return significant(third, 1) if third < usual_lr else significant(usual_lr, 6)
