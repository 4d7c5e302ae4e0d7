"""Arrays as examples: which axis is which, and which values are taken."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genzoo.data.rows import CHUNK_VALUES, Examples, Rows
from genzoo.errors import UsageError

CHANNELS = (1, 3)


def as_examples(array: NDArray[Any], what: str) -> Examples:
    """An array of images or vectors as it is stored in a split.

    Args:
        array: [N, F] vectors; [N, H, W], [N, H, W, C] or [N, C, H, W] images with C 1 or 3, uint8 or floats in [0, 1].
            A memory-mapped one is looked at in pieces and stays where it is.
        what: What to call it in an error.

    Returns:
        [N, F] or [N, C, H, W], uint8 or float32.

    Raises:
        UsageError: Another form, or values that are not finite or, in images, outside [0, 1].
    """
    if array.ndim not in (2, 3, 4) or not array.size:
        raise UsageError(f"{what} has shape {list(array.shape)}", "vectors [N, F], images [N, H, W] or [N, H, W, C]")
    image = array.ndim > 2
    if array.ndim == 4:
        if array.shape[1] not in CHANNELS and array.shape[3] not in CHANNELS:
            raise UsageError(f"{what} has shape {list(array.shape)}: no axis of 1 or 3 channels", "[N, H, W, 3]")
        if array.shape[1] not in CHANNELS:
            array = np.moveaxis(array, 3, 1)
    elif image:
        array = array[:, None]
    if array.dtype != np.uint8:
        if array.dtype.kind != "f" and (image or array.dtype.kind not in "iub"):
            raise UsageError(f"{what} is {array.dtype}", "images are uint8 (0 … 255) or floats (0 … 1)")
        refuse_values(array, what, image)
    if isinstance(array, np.memmap):
        return Rows(array)
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.uint8 if array.dtype == np.uint8 else np.float32))


def refuse_values(array: NDArray[Any], what: str, image: bool) -> None:
    """Refuses numbers that are not finite or, in images, outside [0, 1]."""
    rows = max(1, CHUNK_VALUES // math.prod(array.shape[1:]))
    pieces = [array[start : start + rows] for start in range(0, len(array), rows)]
    # With a nan in a piece both are nan, and so is what numpy's minimum and maximum make of them.
    low = float(np.minimum.reduce([piece.min() for piece in pieces]))
    high = float(np.maximum.reduce([piece.max() for piece in pieces]))
    largest = float(np.finfo(np.float32).max)
    if not (-largest <= low and high <= largest):  # NaN is neither
        raise UsageError(f"{what} holds values that are not finite", "mend or drop those examples")
    if image and not (low >= 0 and high <= 1):
        raise UsageError(
            f"{what} holds values from {low:g} to {high:g}; images lie in [0, 1]", "scale them, or use uint8"
        )
