"""Batch sizes for evaluation, bounded by the bytes of a batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec

EVALUATION_BATCH = 500
"""The largest batch."""
EVALUATION_BYTES = 3 << 22
"""Bytes of inputs and outputs in one batch: those of 500 colour images of 32×32. The activations need many times as
much."""
BASELINE_BYTES = 1 << 27
"""Bytes of examples in one batch where no model is involved."""
FLOAT32, FLOAT64 = 4, 8


def evaluation_batch(spec: DataSpec, most: int = EVALUATION_BATCH, samples: int = 1) -> int:
    """Return the batch size for evaluating a model: `most`, or less for large examples.

    Args:
        spec: The shape of one example.
        most: An upper bound.
        samples: The number of decodings of each example.
    """
    return at_most(EVALUATION_BYTES, FLOAT32 * spec.numel * (1 + samples), most)


def at_most(budget: int, each: int, most: int) -> int:
    """Return how many items of `each` bytes fit into `budget` bytes: at least 1 and at most `most`."""
    return max(1, min(most, budget // max(each, 1)))


def in_parts(compute: Callable[[Tensor], Tensor], inputs: Tensor, size: int) -> Tensor:
    """Return compute(inputs) for inputs [N, …], computed in batches of `size` rows."""
    return torch.cat([compute(part) for part in inputs.split(size)])
