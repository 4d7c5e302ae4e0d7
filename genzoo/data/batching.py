"""How many examples are computed with at a time where nothing is trained: as many as keep to a number of bytes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec

EVALUATION_BATCH = 500
"""Examples at a time, at most."""
EVALUATION_BYTES = 3 << 22
"""Bytes that a model takes and puts out at a time, as 500 colour images of 32×32 do. What its layers hold meanwhile is
many times as much."""
BASELINE_BYTES = 1 << 27
"""Bytes of examples that are looked at together where no model computes with them."""
FLOAT32, FLOAT64 = 4, 8


def evaluation_batch(spec: DataSpec, most: int = EVALUATION_BATCH, samples: int = 1) -> int:
    """Return how many examples a model evaluates at a time: `most`, or fewer where they are large.

    Args:
        spec: What one example is.
        most: An upper bound.
        samples: How many times each example is decoded.
    """
    return at_most(EVALUATION_BYTES, FLOAT32 * spec.numel * (1 + samples), most)


def at_most(budget: int, each: int, most: int) -> int:
    """Return how many items of `each` bytes keep to a budget: at least 1 and at most `most`."""
    return max(1, min(most, budget // max(each, 1)))


def in_parts(compute: Callable[[Tensor], Tensor], inputs: Tensor, size: int) -> Tensor:
    """Return compute(inputs) of [N, …], computed for `size` rows at a time."""
    return torch.cat([compute(part) for part in inputs.split(size)])
