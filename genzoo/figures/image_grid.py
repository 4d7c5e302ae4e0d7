"""Sheets of images with a title and labels, drawn by Pillow: matplotlib takes a second to start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from genzoo.figures.canvas import DPI, grid_of

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

TITLE_POINTS, AXIS_POINTS, LABEL_POINTS = 11.0, 10.0, 9.0
"""Sizes of letters: of the title, of what stands beside and below, and of the rows and columns."""
MARGIN = 6
"""Pixels around a sheet, and between what lies on it."""


class Labels(NamedTuple):
    """The names along one side of a grid."""

    places: Sequence[float]
    """Pixels of the grid from its upper left corner to the middle of each name."""
    names: Sequence[str]


NONE = Labels((), ())


def save_sheet(
    path: Path | IO[bytes],
    grids: Sequence[Tensor],
    title: str,
    width: float,
    rows: Labels = NONE,
    columns: Labels = NONE,
    beside: str = "",
    below: str = "",
) -> None:
    """Writes grids [height, width, 3] in [0, 1], one below the other, as PNG.

    Args:
        path: The file.
        grids: All of one width.
        title: Stands above, and may have several lines.
        width: Of the images in inches, at most: each of their pixels becomes a square of whole pixels.
        rows: Names on the left of the last grid.
        columns: Names below the last grid.
        beside: What the rows are, on the left of their names.
        below: What the columns are, below their names.
    """
    from PIL import Image, ImageDraw

    images = _enlarged(grids, round(width * DPI))
    scale = images[0].width / grids[0].shape[1]
    left = MARGIN + _space(rows.names, LABEL_POINTS)[0] + _space([beside], AXIS_POINTS)[0]
    top = MARGIN + _space([title], TITLE_POINTS)[1]
    titled = left + _space([title], TITLE_POINTS)[0]
    under = [_space(columns.names, LABEL_POINTS)[1], _space([below], AXIS_POINTS)[1]]
    bottom = top + sum(image.height + MARGIN for image in images)
    sheet = Image.new("RGB", (max(left + images[0].width + MARGIN, titled), bottom + sum(under)), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((left, MARGIN), title, "black", font(TITLE_POINTS))
    for image in images:
        sheet.paste(image, (left, top))
        top += image.height + MARGIN
    first = top - images[-1].height - MARGIN
    for place, name in zip(rows.places, rows.names, strict=True):
        draw.text((left - MARGIN, first + place * scale), name, "black", font(LABEL_POINTS), "rm")
    for place, name in zip(columns.places, columns.names, strict=True):
        draw.text((left + place * scale, bottom), name, "black", font(LABEL_POINTS), "ma")
    draw.text((MARGIN, first + images[-1].height / 2), beside, "black", font(AXIS_POINTS), "lm")
    draw.text((left + images[-1].width / 2, bottom + under[0]), below, "black", font(AXIS_POINTS), "ma")
    save_png(sheet, path)


def save_png(sheet: Image, path: Path | IO[bytes]) -> None:
    """Write a picture as all figures are."""
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    about.add_text("Software", "genzoo")
    sheet.save(path, "PNG", pnginfo=about, dpi=(DPI, DPI))


def save_grid(path: Path, images: Tensor, title: str, columns: int | None = None) -> None:
    """Write a grid of images [N, C, H, W] in [0, 1] with a title: square, or of so many columns."""
    save_sheet(path, [grid_of(images, columns or math.ceil(len(images) ** 0.5))], title, 6)


def save_pairs(path: Path, originals: Tensor, again: Tensor, title: str, columns: int = 10) -> None:
    """Write rows of originals [N, C, H, W], each above the row of its reconstructions."""
    columns = min(columns, len(originals))
    rows = zip(originals.split(columns), again.split(columns), strict=True)
    save_sheet(path, [grid_of(torch.cat(pair), columns) for pair in rows], title, 0.75 * columns + 0.4)


def save_table(
    path: Path,
    images: Tensor,
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    below: str,
) -> None:
    """Write images [R, T, C, H, W] as a table whose rows and columns have names."""
    grid = grid_of(images.flatten(0, 1), images.shape[1])
    sides = ((grid.shape[0], rows), (grid.shape[1], columns))
    along, across = (Labels([(n + 0.5) * length / len(side) for n in range(len(side))], side) for length, side in sides)
    save_sheet(path, [grid], title, 7.4, along, across, below=below)


def _enlarged(grids: Sequence[Tensor], width: int) -> list[Image]:
    """Grids as pictures that are at most `width` pixels wide, each of their pixels by a whole number."""
    from PIL import Image

    pictures = [Image.fromarray((grid * 255).round().byte().numpy()) for grid in grids]
    factor = width / pictures[0].width
    factor = max(int(factor), min(factor, 1))
    how = Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.BOX
    return [one.resize((round(one.width * factor), max(1, round(one.height * factor))), how) for one in pictures]


@cache
def font(points: float, bold: bool = False) -> FreeTypeFont | ImageFont:
    """The letters of matplotlib's figures; Pillow's own where that has none. Neither imports it nor its settings."""
    from PIL import ImageFont

    found, size = find_spec("matplotlib"), points * DPI / 72
    name = f"DejaVuSans{'-Bold' if bold else ''}.ttf"
    file = Path(found.origin or "").parent / "mpl-data/fonts/ttf" / name if found else Path()
    try:
        return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        return ImageFont.load_default(size)


def text_size(text: str, points: float) -> tuple[int, int]:
    """Width and height of a text in pixels; a line is 1.2 times as high as its letters are large."""
    width = max(font(points).getlength(line) for line in text.split("\n"))
    return math.ceil(width), math.ceil(1.2 * points * DPI / 72 * (text.count("\n") + 1))


def _space(texts: Sequence[str], points: float) -> tuple[int, int]:
    """Width and height that the largest of some texts takes, with the margin after it; 0 without text."""
    sizes = [text_size(text, points) for text in texts if text]
    return (max(size[0] for size in sizes) + MARGIN, max(size[1] for size in sizes) + MARGIN) if sizes else (0, 0)
