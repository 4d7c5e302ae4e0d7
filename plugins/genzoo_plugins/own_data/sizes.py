"""Sizes of images as users write them."""

from __future__ import annotations

import re

from genzoo.core.errors import UsageError

LARGEST_SIDE = 4096


def sides(size: str) -> tuple[int, int] | None:
    """Height and width written as "32x48" or "32"; None for "".

    Raises:
        UsageError: Neither.
    """
    if not size:
        return None
    match = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", size)
    height, width = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
        raise UsageError(
            f"--data.size {size}: neither HEIGHTxWIDTH nor one number, at most {LARGEST_SIDE}", "such as 32x48, or 64"
        )
    return height, width
