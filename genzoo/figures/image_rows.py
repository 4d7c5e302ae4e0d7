"""Rows of images with a title and labels. Importing this module imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.figures.image_grid import Labels


def save_rows(
    path: Path,
    images: Tensor,
    title: str,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    below: str = "",
    width: float | None = None,
) -> None:
    """Write images [R, T, C, H, W] as R rows of T images.

    Args:
        path: The file.
        images: In [0, 1].
        title: Shown above.
        rows: Labels of the rows, or none.
        columns: Labels of the columns, or none.
        below: Name of the columns.
        width: Largest width of the images in inches (default: by the number of columns).
    """
    from genzoo.figures.canvas import grid_of
    from genzoo.figures.image_grid import save_grids

    count = images.shape[1]
    grid = grid_of(images.flatten(0, 1), count)
    along, across = centred(grid.shape[0], rows), centred(grid.shape[1], columns)
    save_grids(path, [grid], title, width or max(4.5, min(14.0, 0.75 * count)), along, across, below=below)


def save_pairs(path: Path, originals: Tensor, again: Tensor, title: str, columns: int = 10) -> None:
    """Write rows of originals [N, C, H, W], each above the row of their reconstructions."""
    import torch

    from genzoo.figures.canvas import grid_of
    from genzoo.figures.image_grid import save_grids

    columns = min(columns, len(originals))
    rows = zip(originals.split(columns), again.split(columns), strict=True)
    save_grids(path, [grid_of(torch.cat(pair), columns) for pair in rows], title, 0.75 * columns + 0.4)


def centred(length: int, names: Sequence[str]) -> Labels:
    """Return labels at the middles of equal parts of a side of `length` pixels."""
    from genzoo.figures.image_grid import Labels

    return Labels([(number + 0.5) * length / len(names) for number in range(len(names))], names)
