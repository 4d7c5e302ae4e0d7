"""Learning curves."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from genzoo.figures.canvas import DATA_COLOUR
from genzoo.figures.curves import LEGEND, curves, labels
from genzoo.figures.image_grid import MARGIN

pytestmark = pytest.mark.usefixtures("drawn_figures")


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("negative_elbo", ("−ELBO", "nats per example")),
        ("kl_given_y", ("KL given the class", "nats per example")),
        ("mse", ("MSE per dimension", "")),
        ("distortion", ("distortion", "")),
        ("loss", ("loss", "")),
    ],
)
def test_a_curve_has_the_unit_of_its_term_or_none(term: str, expected: tuple[str, str]) -> None:
    assert labels(term) == expected


def test_the_legend_covers_no_curve(tmp_path: Path) -> None:
    """Curves that fill their panel: no colour of a curve lies above it but that of the legend, in one row."""
    history = [{"epoch": n, "train": {"a": n % 2, "b": 1}, "validation": {"a": n % 2, "b": 1}} for n in range(30)]
    draw(history, tmp_path / "curves.png")
    picture = np.asarray(Image.open(tmp_path / "curves.png").convert("RGB")).astype(int)
    blue = np.array([int(DATA_COLOUR[i : i + 2], 16) for i in (1, 3, 5)])
    rows = np.flatnonzero((abs(picture - blue).sum(2) < 60).any(1))
    in_legend = rows[rows < LEGEND + MARGIN]
    assert len(in_legend) > 0
    assert rows[len(in_legend)] - in_legend[-1] > 10  # the title lies between the legend and the curves


def draw(history: list[dict[str, object]], path: Path) -> None:
    curves(SimpleNamespace(run=SimpleNamespace(history=history)), path)  # type: ignore[arg-type]
