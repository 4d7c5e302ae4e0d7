"""Axes drawn by Pillow: round numbers at the right places, and shapes where the values are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from genzoo.figures.canvas import DATA_COLOUR, MODEL_COLOUR
from genzoo.figures.chart import Canvas, Panel, linear, powers
from genzoo.figures.curves import enclosing


@pytest.mark.parametrize(
    ("low", "high", "names"),
    [
        (0.0, 1.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (-0.6, 0.8, ["−0.6", "−0.4", "−0.2", "0.0", "0.2", "0.4", "0.6", "0.8"]),
        (75.0, 210.0, ["80", "100", "120", "140", "160", "180", "200"]),
        (99.999, 100.001, ["99.9990", "99.9995", "100.0000", "100.0005", "100.0010"]),
        (3e-9, 5e-9, ["0.0000000030", "0.0000000035", "0.0000000040", "0.0000000045", "0.0000000050"]),
        (-3e8, 5e8, ["−200000000", "0", "200000000", "400000000"]),
    ],
)
def test_numbers_on_an_axis_are_round(low: float, high: float, names: list[str]) -> None:
    scale = linear(low, high)
    assert list(scale.names) == names
    values = [float(name.replace("−", "-")) for name in names]
    assert scale.ticks == pytest.approx(values)
    assert all(low - 1e-9 * abs(low) <= tick <= high + 1e-9 * abs(high) for tick in scale.ticks)


@pytest.mark.parametrize("span", [1e-6, 0.3, 1.0, 2.0, 7.3, 19.0, 123.0, 9999.0, 1e12])
def test_an_axis_has_some_numbers_and_not_too_many(span: float) -> None:
    for low in (0.0, -span / 3, span / 7):
        assert 2 <= len(linear(low, low + span).ticks) <= 8


def test_epochs_are_whole_numbers() -> None:
    assert list(linear(0.5, 1.5, whole=True).names) == ["1"]
    assert list(linear(0.5, 3.5, whole=True).names) == ["1", "2", "3"]
    assert len(linear(0.5, 1000.5, whole=True).names) == 5


def test_powers_of_ten() -> None:
    scale = powers(1e-5, 0.3)
    assert list(scale.names) == ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"]
    assert scale.share(1e-5) == 0
    assert scale.share(1e-3) == pytest.approx(2 / np.log10(0.3e5))
    assert scale.share(0.3) == pytest.approx(1)


def test_values_that_are_equal_or_none_have_an_axis_too() -> None:
    for values in ([], [float("nan")], [0.0], [5.0, 5.0, float("inf")], [-2.0]):
        scale = enclosing(values)
        assert scale.low < scale.high
        assert all(scale.low < value < scale.high for value in values if np.isfinite(value))


def places(path: Path, colour: str) -> NDArray[np.int64]:
    """Where pixels of a colour are, [N, 2]: down, across."""
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    with Image.open(path) as picture:
        pixels = np.array(picture.convert("RGB"))
    return np.argwhere((pixels == wanted).all(2))


def test_shapes_lie_where_the_values_are(tmp_path: Path) -> None:
    canvas = Canvas(400, 300)
    panel = Panel(canvas, (50, 20, 350, 220), linear(0, 3), linear(-1, 1))
    panel.frame("title", "across", "up")
    panel.canvas.dots([panel.at(1, 0.5)], DATA_COLOUR, 4)
    panel.canvas.box(*panel.at(2, 0), *panel.at(2.5, -1), MODEL_COLOUR)
    canvas.save(tmp_path / "chart.png")
    dot = places(tmp_path / "chart.png", DATA_COLOUR)
    np.testing.assert_allclose(dot.mean(0) + 0.5, [70, 150], atol=0.6)
    box = places(tmp_path / "chart.png", MODEL_COLOUR)
    np.testing.assert_allclose(box.min(0), [120, 250], atol=1)
    np.testing.assert_allclose(box.max(0) + 1, [220, 300], atol=1)


@pytest.mark.parametrize("dash", [0.0, 6.0])
def test_a_line_is_as_long_as_its_values_and_broken_if_dashed(dash: float, tmp_path: Path) -> None:
    canvas = Canvas(300, 100)
    canvas.line([(30, 50), (130, 50), (270, 50)], DATA_COLOUR, 3, dash)
    canvas.save(tmp_path / "line.png")
    across = places(tmp_path / "line.png", DATA_COLOUR)[:, 1]
    assert (across.min(), across.max()) == pytest.approx((30, 270), abs=6)
    drawn = len(set(across.tolist())) / 240
    assert drawn == pytest.approx(2 / 3 if dash else 1, abs=0.12)
