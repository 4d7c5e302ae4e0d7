"""Whether figures are drawn: that takes ten times as long as the other parts of a short run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from genzoo.figures import draw as figures

SAVE, RENDER = Figure.savefig, figures.render


def save_one_pixel(self: object, path: Path | IO[bytes], **options: object) -> None:
    """In place of `Figure.savefig`."""
    Image.new("RGB", (1, 1)).save(path, "png")


def render_one_pixel(drawing: Any, subject: Any, path: Path) -> None:
    """In place of `genzoo.figures.render`: the figures that make sense for a run are there, and not even composed."""
    if drawing.applies(subject):
        save_one_pixel(drawing, path)


@contextmanager
def _by(save: Any, render: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", save)
        patch.setattr(figures, "render", render)
        yield


def undrawn() -> Any:
    """Inside, every figure has one pixel."""
    return _by(save_one_pixel, render_one_pixel)


def composed() -> Any:
    """Inside, every figure is made, and saved as one pixel."""
    return _by(save_one_pixel, RENDER)


def drawn() -> Any:
    """Inside, figures are drawn: for fixtures that make runs whose figures are looked at."""
    return _by(SAVE, RENDER)
