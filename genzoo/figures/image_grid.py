"""Grids of images with a title and labels, drawn by Pillow: importing matplotlib takes a second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from torch import Tensor

from genzoo.figures.canvas import DPI, grid_of
from genzoo.figures.formats import SETTINGS, format_of

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

TITLE_POINTS, AXIS_POINTS, LABEL_POINTS = 11.0, 10.0, 9.0
"""Font sizes of the title, of the names of the axes, and of the labels of rows and columns."""
MARGIN = 6
"""Pixels around the picture, and between its parts."""


class Labels(NamedTuple):
    """The labels along one side of a grid."""

    places: Sequence[float]
    """Distance in pixels of the grid from its upper left corner to the middle of each label."""
    names: Sequence[str]


NONE = Labels((), ())


def save_grids(
    path: Path | IO[bytes],
    grids: Sequence[Tensor],
    title: str,
    width: float,
    rows: Labels = NONE,
    columns: Labels = NONE,
    beside: str = "",
    below: str = "",
) -> None:
    """Write grids [height, width, 3] in [0, 1], one below the other, as a picture.

    Args:
        path: The file.
        grids: Of equal width.
        title: Shown above the grids; may have several lines.
        width: Largest width of the grids in inches; they are enlarged by an integer factor.
        rows: Labels on the left of the last grid.
        columns: Labels below the last grid.
        beside: Name of the rows, on the left of their labels.
        below: Name of the columns, below their labels.
    """
    from PIL import Image, ImageDraw

    images = _enlarged(grids, round(width * DPI))
    scale = images[0].width / grids[0].shape[1]
    left = MARGIN + _space(rows.names, LABEL_POINTS)[0] + _space([beside], AXIS_POINTS)[0]
    top = MARGIN + _space([title], TITLE_POINTS)[1]
    titled = left + _space([title], TITLE_POINTS)[0]
    under = [_space(columns.names, LABEL_POINTS)[1], _space([below], AXIS_POINTS)[1]]
    bottom = top + sum(image.height + MARGIN for image in images)
    picture = Image.new("RGB", (max(left + images[0].width + MARGIN, titled), bottom + sum(under)), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((left, MARGIN), title, "black", font(TITLE_POINTS))
    for image in images:
        picture.paste(image, (left, top))
        top += image.height + MARGIN
    first = top - images[-1].height - MARGIN
    for place, name in zip(rows.places, rows.names, strict=True):
        draw.text((left - MARGIN, first + place * scale), name, "black", font(LABEL_POINTS), "rm")
    for place, name in zip(columns.places, columns.names, strict=True):
        draw.text((left + place * scale, bottom), name, "black", font(LABEL_POINTS), "ma")
    draw.text((MARGIN, first + images[-1].height / 2), beside, "black", font(AXIS_POINTS), "lm")
    draw.text((left + images[-1].width / 2, bottom + under[0]), below, "black", font(AXIS_POINTS), "ma")
    save_picture(picture, path)


def save_picture(picture: Image, path: Path | IO[bytes]) -> None:
    """Write a picture in the format that the ending says; as PNG with the metadata of all figures."""
    from PIL.PngImagePlugin import PngInfo

    if (kind := format_of(path)) != "PNG":
        picture.save(path, kind, dpi=(DPI, DPI), **SETTINGS[kind])
        return
    about = PngInfo()
    about.add_text("Software", "genzoo")
    picture.save(path, "PNG", pnginfo=about, dpi=(DPI, DPI))


def save_grid(path: Path, images: Tensor, title: str, columns: int | None = None) -> None:
    """Write images [N, C, H, W] in [0, 1] as a grid with a title: square, or with `columns` columns."""
    save_grids(path, [grid_of(images, columns or math.ceil(len(images) ** 0.5))], title, 6)


def _enlarged(grids: Sequence[Tensor], width: int) -> list[Image]:
    """Return grids as pictures that are at most `width` pixels wide, enlarged by an integer factor."""
    from PIL import Image

    pictures = [Image.fromarray((grid * 255).round().byte().numpy()) for grid in grids]
    factor = width / pictures[0].width
    factor = max(int(factor), min(factor, 1))
    how = Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.BOX
    return [one.resize((round(one.width * factor), max(1, round(one.height * factor))), how) for one in pictures]


@cache
def font(points: float, bold: bool = False) -> FreeTypeFont | ImageFont:
    """Return matplotlib's font, without importing matplotlib, or else Pillow's default font."""
    from PIL import ImageFont

    found, size = find_spec("matplotlib"), points * DPI / 72
    name = f"DejaVuSans{'-Bold' if bold else ''}.ttf"
    file = Path(found.origin or "").parent / "mpl-data/fonts/ttf" / name if found else Path()
    try:
        return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        return ImageFont.load_default(size)


def text_size(text: str, points: float) -> tuple[int, int]:
    """Return width and height of a text in pixels, with a line height of 1.2."""
    width = max(font(points).getlength(line) for line in text.split("\n"))
    return math.ceil(width), math.ceil(1.2 * points * DPI / 72 * (text.count("\n") + 1))


def _space(texts: Sequence[str], points: float) -> tuple[int, int]:
    """Return the largest width and height of some texts with a margin; 0 without text."""
    sizes = [text_size(text, points) for text in texts if text]
    return (max(size[0] for size in sizes) + MARGIN, max(size[1] for size in sizes) + MARGIN) if sizes else (0, 0)
