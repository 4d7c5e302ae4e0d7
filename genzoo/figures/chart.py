"""Curves, bars and points on axes, drawn by Pillow: the figures of every run without matplotlib's start, a second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from genzoo.figures.image_grid import AXIS_POINTS, MARGIN, TITLE_POINTS, font, save_png, text_size

FINE = 3
"""Shapes are drawn this many times as large and reduced, so that their edges are smooth."""
GRID_COLOUR = "#e8e8e8"
TICK = 5
"""Pixels of the mark of a number on an axis."""
Place = tuple[float, float]


class Scale(NamedTuple):
    """One axis: the values at its ends, and those that are written beside it."""

    low: float
    high: float
    ticks: Sequence[float]
    names: Sequence[str]
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies between the ends: 0 … 1."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = map(math.log10, (low, high, value))
        return (value - low) / (high - low)


def linear(low: float, high: float, most: int = 7, whole: bool = False) -> Scale:
    """Return an axis with at most so many round numbers, only whole ones if wanted; low < high."""
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    steps = [factor * scale for scale in (power, 10 * power) for factor in (1, 2, 2.5, 5)]
    step = next(step for step in [*steps, 100 * power] if span / step <= most and not (whole and step % 1))
    ticks = [number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    digits = next(digits for digits in range(30) if abs(round(step, digits) - step) < 1e-6 * step)
    return Scale(low, high, ticks, [f"{tick + 0.0:.{digits}f}".replace("-", "−") for tick in ticks])


def powers(low: float, high: float) -> Scale:
    """Return a logarithmic axis with the powers of ten."""
    exponents = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return Scale(low, high, [10.0**e for e in exponents], [f"10{str(e).translate(raised)}" for e in exponents], True)


class Paper:
    """A sheet of so many pixels. Letters lie above all shapes."""

    def __init__(self, width: float, height: float) -> None:
        from PIL import Image, ImageDraw

        self.width, self.height = round(width), round(height)
        self.shapes = Image.new("RGB", (self.width * FINE, self.height * FINE), "white")
        self.draw = ImageDraw.Draw(self.shapes, "RGBA")  # colours may have an alpha
        self.letters: list[tuple[Place, str, dict[str, Any]]] = []
        self.turned: list[tuple[Place, str]] = []

    def write(
        self, place: Place, text: str, anchor: str, points: float = AXIS_POINTS, bold: bool = False, **how: Any
    ) -> None:
        """Put a text at a place in pixels. `anchor` and `how` are those of Pillow's `ImageDraw.text`."""
        self.letters.append((place, text, {"anchor": anchor, "font": font(points, bold), **how}))

    def write_turned(self, place: Place, text: str) -> None:
        """Put lines that are read from the right, with their middle at a place."""
        self.turned.append((place, text))

    def line(self, points: Sequence[Place], colour: str, width: float, dash: float = 0) -> None:
        """Draw a line through places in pixels, in dashes of that length if it is not 0."""
        for part in _dashes(points, dash) if dash else [points]:
            self.draw.line([(x * FINE, y * FINE) for x, y in part], colour, max(round(width * FINE), 1), "curve")

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """Fill a rectangle."""
        self.draw.rectangle([round(value * FINE) for value in (left, top, right, bottom)], colour)

    def dots(self, points: Sequence[Place], colour: str, radius: float, opacity: float = 1) -> None:
        """Draw filled circles."""
        from PIL import ImageColor

        fill, size = (*ImageColor.getrgb(colour)[:3], round(255 * opacity)), radius * FINE
        for x, y in points:
            self.draw.ellipse((x * FINE - size, y * FINE - size, x * FINE + size, y * FINE + size), fill)

    def save(self, path: Path) -> None:
        """Write it as PNG."""
        from PIL import Image, ImageDraw

        sheet = self.shapes.reduce(FINE)
        draw = ImageDraw.Draw(sheet)
        for (x, y), text in self.turned:
            label = Image.new("RGB", text_size(text, AXIS_POINTS), "white")
            ImageDraw.Draw(label).text((label.width / 2, 0), text, "black", font(AXIS_POINTS), "ma", align="center")
            turned = label.transpose(Image.Transpose.ROTATE_90)
            sheet.paste(turned, (round(x - turned.width / 2), round(y - turned.height / 2)))
        for place, text, how in self.letters:
            draw.text(place, text, "black", **how)
        save_png(sheet, path)


def _dashes(points: Sequence[Place], length: float) -> list[list[Place]]:
    """The dashes of a line, with gaps half as long."""
    found: list[list[Place]] = []
    gone, period = 0.0, 1.5 * length
    for (x, y), (to_x, to_y) in pairwise(points):
        whole = math.hypot(to_x - x, to_y - y)
        start = -(gone % period)
        while start < whole:
            ends = [min(max(end / whole, 0), 1) for end in (start, start + length)]
            if ends[0] < ends[1]:
                found.append([(x + share * (to_x - x), y + share * (to_y - y)) for share in ends])
            start += period
        gone += whole
    return found


class Panel:
    """Two axes on a sheet, with the box between them in pixels."""

    def __init__(self, paper: Paper, box: tuple[float, float, float, float], across: Scale, up: Scale) -> None:
        self.paper, self.across, self.up = paper, across, up
        self.left, self.top, self.right, self.bottom = box

    def at(self, x: float, y: float) -> Place:
        """Where values lie on the sheet."""
        return (
            self.left + self.across.share(x) * (self.right - self.left),
            self.bottom - self.up.share(y) * (self.bottom - self.top),
        )

    def frame(self, title: str = "", xlabel: str = "", ylabel: str = "", grid: str = "xy", points: float = 10) -> None:
        """Draw the axes with their numbers, names and a faint grid, below what comes after.

        Args:
            title: Above the box.
            xlabel: Below the numbers.
            ylabel: Beside the numbers, turned.
            grid: Which axes have lines: "xy", "x", "y" or "".
            points: The size of the numbers below.
        """
        paper, line = self.paper, 1.2
        for tick, name in zip(self.across.ticks, self.across.names, strict=True):
            x, _ = self.at(tick, self.up.low)
            if "x" in grid:
                paper.line([(x, self.top), (x, self.bottom)], GRID_COLOUR, line)
            paper.line([(x, self.bottom), (x, self.bottom + TICK)], "black", line)
            paper.write((x, self.bottom + TICK + 3), name, "ma", points)
        for tick, name in zip(self.up.ticks, self.up.names, strict=True):
            _, y = self.at(self.across.low, tick)
            if "y" in grid:
                paper.line([(self.left, y), (self.right, y)], GRID_COLOUR, line)
            paper.line([(self.left - TICK, y), (self.left, y)], "black", line)
            paper.write((self.left - TICK - 4, y), name, "rm")
        corner = (self.left, self.bottom)
        for end in ((self.left, self.top), (self.right, self.bottom)):
            paper.line([corner, end], "black", line)
        if title:
            paper.write((self.left, self.top - MARGIN), title, "ld", TITLE_POINTS)
        if xlabel:
            below = self.bottom + TICK + 3 + (text_size("0", points)[1] if any(self.across.names) else 0)
            paper.write(((self.left + self.right) / 2, below), xlabel, "ma")
        if ylabel:
            middle = MARGIN + text_size(ylabel, AXIS_POINTS)[1] / 2
            place = self.left - room_beside(self.up, ylabel) + middle, (self.top + self.bottom) / 2
            paper.write_turned(place, ylabel)


def room_beside(up: Scale, ylabel: str) -> float:
    """Return the pixels that numbers and name of an axis take on its left."""
    numbers = max((text_size(name, AXIS_POINTS)[0] for name in up.names), default=0)
    return MARGIN + (text_size(ylabel, AXIS_POINTS)[1] if ylabel else 0) + numbers + TICK + 4
