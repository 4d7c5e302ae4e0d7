"""What all figures share: colours, matplotlib figures, grids of images."""

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

from genzoo.figures.formats import SETTINGS, format_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DATA_COLOUR, MODEL_COLOUR = "#0072b2", "#d55e00"  # Okabe & Ito 2008: distinct for all kinds of colour vision
QUIET_COLOUR = "#9a9a9a"
CLASS_COLOURS = (  # Petroff 2021, arXiv 2107.02270: ten colours chosen for all kinds of colour vision
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
TITLE: dict[str, Any] = {"fontsize": 11, "loc": "left"}
LONGEST_NAME = 24
"""Maximum length of a class name in a figure."""
DPI = 120
"""Pixels per inch."""
THUMBNAIL = 128
"""Largest side in pixels of an image among many; it is drawn with fewer."""
LARGEST_GRID = 2560
"""Largest side of a grid in pixels."""
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@contextmanager
def own_style() -> Iterator[None]:
    """Inside, matplotlib has its default style, not the user's; for every function that draws with it."""
    _import_matplotlib()
    from matplotlib import rc_context, rcParamsDefault

    # The PNG canvas needs no backend, so the backend of the user is left as it is.
    with rc_context({name: value for name, value in rcParamsDefault.items() if not name.startswith("backend")}):
        yield


def _import_matplotlib() -> None:
    """Import matplotlib, also if MPLBACKEND names a backend that is not installed, such as a notebook's."""
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):  # matplotlib reports it when the user draws
            matplotlib.rcParams["backend"] = backend


def new_figure(width: float, height: float) -> Figure:
    """Return a new figure outside matplotlib's global state; sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def save(figure: Figure, path: Path | IO[bytes]) -> None:
    """Write a figure in the format that the ending says, PNG for what has no name."""
    if (kind := format_of(path)) != "PNG":
        figure.savefig(path, format=kind.lower(), pil_kwargs=SETTINGS[kind])
        return
    figure.savefig(path, format="png", metadata={"Software": "genzoo"})


def coordinate(letter: str, number: int) -> str:
    """Return the name of a coordinate, counted from 0 as `--dims` and arrays are: z₀, z₁, …"""
    return letter + str(number).translate(SUBSCRIPTS)


def thumbnails(images: Tensor, side: int = THUMBNAIL) -> Tensor:
    """Return images [N, C, H, W] reduced by the smallest integer factor that makes both sides `side` pixels or less."""
    factor = math.ceil(max(images.shape[2:]) / side)
    if factor <= 1:
        return images
    return avg_pool2d(images, [min(factor, length) for length in images.shape[2:]], ceil_mode=True)


def grid_of(images: Tensor, columns: int, padding: int = 1) -> Tensor:
    """Return images [N, C, H, W] as a grid on white with `columns` in a row: [height, width, 3] in [0, 1]."""
    # Not torchvision's make_grid: its import takes longer than all the drawing (2.4 s).
    if images.shape[1] not in (1, 3):  # neither grey nor colour: show the mean of the channels
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
    """Write images [R, T, C, H, W] as a GIF over T, forward and back, with the R side by side and enlarged."""
    from PIL import Image

    size = max(1, 96 // images.shape[-1])
    frames = []
    for frame in images.transpose(0, 1):
        pixels = (grid_of(frame, len(frame)) * 255).round().byte()
        pixels = pixels.repeat_interleave(size, 0).repeat_interleave(size, 1)
        frames.append(Image.fromarray(pixels.numpy()))
    looped = frames + frames[-2:0:-1]
    looped[0].save(path, save_all=True, append_images=looped[1:], duration=milliseconds, loop=0)
