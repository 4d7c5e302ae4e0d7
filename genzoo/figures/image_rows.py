"""Rows of images with a title and a name beside each row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def draw_grid(out: Path, images: Tensor, columns: int, title: str, names: Sequence[str] = ()) -> None:
    """Images [N, C, H, W] in rows of `columns`, with a name left of each row if there are names."""
    from genzoo.figures.canvas import grid_of
    from genzoo.figures.image_grid import Labels, save_sheet

    grid = grid_of(images, columns)
    height = grid.shape[0] / math.ceil(len(images) / columns)
    rows = Labels([(number + 0.5) * height for number in range(len(names))], names)
    save_sheet(out, [grid], title, max(4.5, min(14.0, 0.75 * columns)), rows)
