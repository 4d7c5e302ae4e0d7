"""Whether figures are drawn: composing one is cheap, drawing its pixels takes longer than most runs of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

SAVE = Figure.savefig


def save_one_pixel(self: Figure, path: Path | IO[bytes], **options: Any) -> None:
    """In place of `Figure.savefig`: a picture, but not of the figure."""
    Image.new("RGB", (1, 1)).save(path, "png")


@contextmanager
def saved_by(save: Any) -> Iterator[None]:
    """Inside, every figure is saved by another function."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", save)
        yield


def drawn() -> Any:
    """Inside, figures are drawn: for fixtures that make runs whose figures are looked at."""
    return saved_by(SAVE)
