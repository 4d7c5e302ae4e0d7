"""What all figures share: paper, colours, grids of images."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DATA_COLOUR, MODEL_COLOUR = "#0072b2", "#d55e00"  # Okabe & Ito 2008: told apart by all eyes
QUIET_COLOUR = "#9a9a9a"
CLASS_COLOURS = (  # Petroff 2021, arXiv 2107.02270: ten colours chosen for all kinds of colour vision
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
TITLE: dict[str, Any] = {"fontsize": 11, "loc": "left"}
LONGEST_NAME = 24
"""Characters of a class's name in a figure."""
DPI = 120
"""Pixels an inch."""
THUMBNAIL = 128
"""Pixels of the longer side of an image among many: on paper it gets fewer."""
LARGEST_GRID = 2560
"""Pixels of the longer side of a grid."""
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@contextmanager
def own_style() -> Iterator[None]:
    """Inside, figures look the same whatever style the user has chosen for their own; for all that draws one."""
    _import_matplotlib()
    from matplotlib import rc_context, rcParamsDefault

    # Figures are drawn by the canvas of their format, so no backend is chosen, and the user's stays what it is.
    with rc_context({name: value for name, value in rcParamsDefault.items() if not name.startswith("backend")}):
        yield


def _import_matplotlib() -> None:
    """Imports matplotlib also where MPLBACKEND names a backend that is not here, such as a notebook's."""
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):  # matplotlib says so where the user draws
            matplotlib.rcParams["backend"] = backend


def new_figure(width: float, height: float) -> Figure:
    """A figure of its own, outside matplotlib's global state, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def save(figure: Figure, path: Path | IO[bytes]) -> None:
    """Writes a figure as PNG."""
    figure.savefig(path, format="png", metadata={"Software": "genzoo"})


def coordinate(letter: str, number: int) -> str:
    """The name of coordinate `number`, counted from 0: z₁, z₂, …"""
    return letter + str(number + 1).translate(SUBSCRIPTS)


def thumbnails(images: Tensor, side: int = THUMBNAIL) -> Tensor:
    """Images [N, C, H, W] reduced by the least whole number that brings their longer side to `side` pixels or fewer."""
    factor = math.ceil(max(images.shape[2:]) / side)
    if factor <= 1:
        return images
    return avg_pool2d(images, [min(factor, length) for length in images.shape[2:]], ceil_mode=True)


def grid_of(images: Tensor, columns: int, padding: int = 1) -> Tensor:
    """Images [N, C, H, W] side by side on white, `columns` in a row: [height, width, 3] in [0, 1].

    Not torchvision's make_grid: importing that takes longer than all the drawing (2.4 s).
    """
    if images.shape[1] not in (1, 3):  # neither grey nor colour: the mean of the channels
        images = images.mean(1, keepdim=True)
    rows = math.ceil(len(images) / columns)
    images = thumbnails(images, max(LARGEST_GRID // max(rows, columns), 1)) if len(images) > 1 else images
    _, _, height, width = images.shape
    grid = torch.full((rows * (height + padding) + padding, columns * (width + padding) + padding, 3), 1.0)
    for number, image in enumerate(images.clamp(0, 1)):
        top, left = padding + number // columns * (height + padding), padding + number % columns * (width + padding)
        grid[top : top + height, left : left + width] = image.permute(1, 2, 0)
    return grid


def save_gif(path: Path, images: Tensor, milliseconds: int = 120) -> None:
    """Images [R, T, C, H, W] as a moving picture over T, there and back, the R side by side, enlarged to be seen."""
    from PIL import Image

    size = max(1, 96 // images.shape[-1])
    pictures = []
    for moment in images.transpose(0, 1):
        pixels = (grid_of(moment, len(moment)) * 255).round().byte()
        pixels = pixels.repeat_interleave(size, 0).repeat_interleave(size, 1)
        pictures.append(Image.fromarray(pixels.numpy()))
    there_and_back = pictures + pictures[-2:0:-1]
    there_and_back[0].save(path, save_all=True, append_images=there_and_back[1:], duration=milliseconds, loop=0)
