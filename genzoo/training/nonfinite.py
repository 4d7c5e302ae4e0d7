"""What to say of a training that is not finite, and what to try instead."""

from __future__ import annotations

import torch
from torch import Tensor

from genzoo.core.errors import NonFiniteError
from genzoo.training.config import Training
from genzoo.training.step import Step

PIECE = 1 << 15
"""Numbers that torch adds up in the thread that asks for it; more wake other threads."""


def is_finite(tensor: Tensor) -> bool:
    """Whether every number is finite.

    A sum is finite only where all of its terms are, and takes a fortieth of the time of looking at each. Finite numbers
    may have a sum that is not: then each is looked at.
    """
    sums = torch.stack([piece.sum() for piece in tensor.detach().flatten().split(PIECE)])
    return bool(sums.isfinite().all()) or bool(tensor.isfinite().all())


def not_finite(body: Step, step: int, steps_per_epoch: int) -> NonFiniteError:
    """The error for a step that was not finite, or for one too many that was skipped.

    Args:
        body: The step.
        step: How many steps came before it.
        steps_per_epoch: How many an epoch has.
    """
    training = body.training
    if training.on_nan == "skip":
        what = f"{int(body.skipped):,} steps were not finite, more than --max-skips {training.max_skips}"
        return NonFiniteError(f"{what}, by step {step:,}", f"try {suggestion(training)}")
    epoch, batch = divmod(step, steps_per_epoch)
    return NonFiniteError(
        f"the loss or its gradient is not finite at epoch {epoch + 1}, step {step + 1:,} "
        f"(batch {batch + 1:,} of {steps_per_epoch:,}, gradient norm {float(body.norm):.3g})",
        f"the weights are those before it; try {suggestion(training)}",
    )


def suggestion(training: Training) -> str:
    """What to try when training is not finite."""
    return f"--lr {smaller_rate(training)} or --grad-clip 1"


def smaller_rate(training: Training) -> str:
    """A learning rate to try instead."""
    return f"{training.lr * 0.3:.1g}"
