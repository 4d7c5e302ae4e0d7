"""What the validation losses of a training say of its length: still falling, or lowest long before the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from genzoo.core.text import number

FEWEST = 10
"""Epochs of fewer than these tell nothing."""
SHARE = 0.02
"""Share of the whole fall of the loss below which a difference does not matter."""


def course(history: Sequence[Mapping[str, Any]], watched: str) -> str:
    """Return whether the validation loss fell in the last tenth of the epochs, or was lower before; "" if neither.

    It counts as lower before only if the training loss fell since: a warm-up raises both.

    Args:
        history: Of each epoch its number and the terms of the loss on training and validation data.
        watched: The term that says which epoch is better, see `genzoo.Loss.watched`; "" if none does.
    """
    known = [(epoch["epoch"], *(epoch[part].get(watched) for part in ("train", "validation"))) for epoch in history]
    if len(known) < FEWEST or not all(
        isinstance(v, float | int) and math.isfinite(v) for one in known for v in one[1:]
    ):
        return ""
    train, losses = ([float(one[place]) for one in known] for place in (1, 2))
    best = losses.index(min(losses))
    least, last, tenth = SHARE * (losses[0] - losses[best]), losses[-1], len(losses) // 10
    if last - losses[best] > least > 0 and len(losses) - best > tenth and train[-1] < train[best]:
        what = f"{number(losses[best])} at epoch {known[best][0]:,} and {number(last)} at the end"
        return f"the validation loss was lower before: {what}; --patience {tenth} keeps the best weights"
    before, end = (math.fsum(part) / tenth for part in (losses[-2 * tenth : -tenth], losses[-tenth:]))
    if before - end > least > 0:
        return "the validation loss was still falling: genzoo resume goes on, with more --epochs or --max-steps"
    return ""
