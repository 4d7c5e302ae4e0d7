"""What the validation losses of a training say of its length: still falling, or lowest long before the end."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from genzoo.core.text import number

FEWEST = 10
"""Epochs of fewer than these tell nothing."""
TENTHS = 10
SHARE, LOWER = 0.02, 0.005
"""Shares of the whole fall of the loss up to which it counts as settled, and as no lower before."""


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
    train, losses = (tenths([float(one[place]) for one in known]) for place in (1, 2))
    first, least = float(known[0][2]), min(losses)
    best = losses.index(least)
    if losses[-1] - least > LOWER * (first - least) > 0 and train[-1] < train[best]:
        tenth, begun = len(known) // TENTHS, known[best * len(known) // TENTHS][0]
        what = (
            f"{number(least)} from epoch {begun:,} on and {number(losses[-1])} at the end, in means of {tenth} epochs"
        )
        return f"the validation loss was lower before: {what}; --patience {tenth} keeps the best weights"
    if losses[-2] - losses[-1] > SHARE * (first - least) > 0:
        return "the validation loss was still falling: genzoo resume goes on, with more --epochs or --max-steps"
    return ""


def tenths(values: Sequence[float]) -> list[float]:
    """Return the mean of each tenth of the values, of which there are ten at least."""
    ends = [place * len(values) // TENTHS for place in range(TENTHS + 1)]
    return [math.fsum(values[begin:end]) / (end - begin) for begin, end in itertools.pairwise(ends)]
