"""Switches for drawing figures, which takes ten times as long as the rest of a short run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from genzoo.figures import draw as figures
from genzoo.figures import leaderboard, race

SAVE, RENDER = Figure.savefig, figures.render
COMPARISONS = {leaderboard: leaderboard.draw, race: race.draw}
"""The functions that draw a comparison of runs, by module."""


def save_one_pixel(self: object, path: Path | IO[bytes], **options: object) -> None:
    """Replace `Figure.savefig`."""
    Image.new("RGB", (1, 1)).save(path, "png")


def render_one_pixel(drawing: Any, subject: Any, path: Path) -> None:
    """Replace `genzoo.figures.render`: write a file for each figure of a run without composing it."""
    if drawing.applies(subject):
        save_one_pixel(drawing, path)


def compare_one_pixel(path: Path, subject: object) -> None:
    """Replace what draws a comparison of runs."""
    save_one_pixel(subject, path)


@contextmanager
def _by(save: Any, render: Any, compare: Any = None) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", save)
        patch.setattr(figures, "render", render)
        for module, draw in COMPARISONS.items():
            patch.setattr(module, "draw", compare or draw)
        yield


def undrawn() -> Any:
    """Replace every figure by one pixel."""
    return _by(save_one_pixel, render_one_pixel, compare_one_pixel)


def composed() -> Any:
    """Compose every figure, and save it as one pixel."""
    return _by(save_one_pixel, RENDER)


def drawn() -> Any:
    """Draw figures: for fixtures whose runs' figures are tested."""
    return _by(SAVE, RENDER)
