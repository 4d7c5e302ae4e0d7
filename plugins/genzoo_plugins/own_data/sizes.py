"""Parse the size of images that a user gives."""

from __future__ import annotations

import re

from genzoo.core.errors import UsageError

LARGEST_SIDE = 4096
"""Pixels."""


def sides(size: str) -> tuple[int, int] | None:
    """Return height and width in pixels, from "32x48" or "32"; None for "".

    Raises:
        UsageError: The text is not a size, or a side is 0 or more than `LARGEST_SIDE`.
    """
    if not size:
        return None
    match = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", size)
    height, width = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
        raise UsageError(
            f"--data.size {size}: neither HEIGHTxWIDTH nor one number, at most {LARGEST_SIDE}",
            "--data.size 32x48, or --data.size 64",
        )
    return height, width
