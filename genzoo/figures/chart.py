"""Curves, bars and points on axes, drawn by Pillow: importing matplotlib would add a second to every run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from genzoo.figures.image_grid import AXIS_POINTS, MARGIN, TITLE_POINTS, font, save_picture, text_size

FINE = 3
"""Oversampling factor of shapes, for smooth edges."""
GRID_COLOUR = "#e8e8e8"
TICK, BESIDE = 5, 8
"""Pixels: the length of a tick, and between tick labels and the name of a vertical axis."""
Place = tuple[float, float]


class Scale(NamedTuple):
    """One axis: the values at its ends, and its ticks with their labels."""

    low: float
    high: float
    ticks: Sequence[float]
    names: Sequence[str]
    log: bool = False

    def share(self, value: float) -> float:
        """Return the position of a value between the ends, 0 to 1."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = map(math.log10, (low, high, value))
        return (value - low) / (high - low)


def linear(low: float, high: float, most: int = 7, whole: bool = False) -> Scale:
    """Return an axis with at most `most` ticks at round numbers, or at integers if `whole`; low < high."""
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    steps = [factor * scale for scale in (power, 10 * power) for factor in (1, 2, 2.5, 5)]
    step = next(step for step in [*steps, 100 * power] if span / step <= most and not (whole and step % 1))
    ticks = [number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    digits = next(digits for digits in range(30) if abs(round(step, digits) - step) < 1e-6 * step)
    return Scale(low, high, ticks, [f"{tick + 0.0:.{digits}f}".replace("-", "−") for tick in ticks])


def powers(low: float, high: float) -> Scale:
    """Return a logarithmic axis with ticks at the powers of ten."""
    exponents = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return Scale(low, high, [10.0**e for e in exponents], [f"10{str(e).translate(raised)}" for e in exponents], True)


class Canvas:
    """A picture of some width and height in pixels. Text is drawn above all shapes."""

    def __init__(self, width: float, height: float) -> None:
        from PIL import Image, ImageDraw

        self.width, self.height = round(width), round(height)
        self.shapes = Image.new("RGB", (self.width * FINE, self.height * FINE), "white")
        self.draw = ImageDraw.Draw(self.shapes, "RGBA")  # colours may have an alpha
        self.texts: list[tuple[Place, str, dict[str, Any]]] = []
        self.vertical: list[tuple[Place, str]] = []

    def text(
        self, place: Place, text: str, anchor: str, points: float = AXIS_POINTS, bold: bool = False, **how: Any
    ) -> None:
        """Draw a text at a place in pixels. `anchor` and `how` are those of Pillow's `ImageDraw.text`."""
        self.texts.append((place, text, {"anchor": anchor, "font": font(points, bold), **how}))

    def vertical_text(self, place: Place, text: str) -> None:
        """Draw lines of text that are read upwards, centred at a place."""
        self.vertical.append((place, text))

    def line(self, points: Sequence[Place], colour: str, width: float, dash: float = 0) -> None:
        """Draw a line through places in pixels, in dashes of length `dash` if it is not 0."""
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
        """Write the picture as PNG."""
        from PIL import Image, ImageDraw

        picture = self.shapes.reduce(FINE)
        draw = ImageDraw.Draw(picture)
        for (x, y), text in self.vertical:
            label = Image.new("RGB", text_size(text, AXIS_POINTS), "white")
            ImageDraw.Draw(label).text((label.width / 2, 0), text, "black", font(AXIS_POINTS), "ma", align="center")
            turned = label.transpose(Image.Transpose.ROTATE_90)
            picture.paste(turned, (round(x - turned.width / 2), round(y - turned.height / 2)))
        for place, text, how in self.texts:
            draw.text(place, text, "black", **how)
        save_picture(picture, path)


def _dashes(points: Sequence[Place], length: float) -> list[list[Place]]:
    """Return the dashes of a line, with gaps half as long."""
    dashes: list[list[Place]] = []
    drawn, period = 0.0, 1.5 * length
    for (x, y), (to_x, to_y) in pairwise(points):
        whole = math.hypot(to_x - x, to_y - y)
        start = -(drawn % period)
        while start < whole:
            ends = [min(max(end / whole, 0), 1) for end in (start, start + length)]
            if ends[0] < ends[1]:
                dashes.append([(x + share * (to_x - x), y + share * (to_y - y)) for share in ends])
            start += period
        drawn += whole
    return dashes


class Panel:
    """Two axes on a canvas, with the box between them in pixels."""

    def __init__(self, canvas: Canvas, box: tuple[float, float, float, float], across: Scale, up: Scale) -> None:
        self.canvas, self.across, self.up = canvas, across, up
        self.left, self.top, self.right, self.bottom = box

    def at(self, x: float, y: float) -> Place:
        """Return the place of a pair of values on the canvas."""
        return (
            self.left + self.across.share(x) * (self.right - self.left),
            self.bottom - self.up.share(y) * (self.bottom - self.top),
        )

    def frame(self, title: str = "", xlabel: str = "", ylabel: str = "", grid: str = "xy", points: float = 10) -> None:
        """Draw the axes with tick labels, names and a faint grid. What is drawn later lies above.

        Args:
            title: Shown above the box.
            xlabel: Shown below the tick labels.
            ylabel: Shown left of the tick labels, vertically.
            grid: Which axes have grid lines: "xy", "x", "y" or "".
            points: The font size of the tick labels below.
        """
        canvas, line = self.canvas, 1.2
        for tick, name in zip(self.across.ticks, self.across.names, strict=True):
            x, _ = self.at(tick, self.up.low)
            if "x" in grid:
                canvas.line([(x, self.top), (x, self.bottom)], GRID_COLOUR, line)
            canvas.line([(x, self.bottom), (x, self.bottom + TICK)], "black", line)
            canvas.text((x, self.bottom + TICK + 3), name, "ma", points)
        for tick, name in zip(self.up.ticks, self.up.names, strict=True):
            _, y = self.at(self.across.low, tick)
            if "y" in grid:
                canvas.line([(self.left, y), (self.right, y)], GRID_COLOUR, line)
            canvas.line([(self.left - TICK, y), (self.left, y)], "black", line)
            canvas.text((self.left - TICK - 4, y), name, "rm")
        corner = (self.left, self.bottom)
        for end in ((self.left, self.top), (self.right, self.bottom)):
            canvas.line([corner, end], "black", line)
        if title:
            canvas.text((self.left, self.top - MARGIN), title, "ld", TITLE_POINTS)
        if xlabel:
            below = self.bottom + TICK + 3 + (text_size("0", points)[1] if any(self.across.names) else 0)
            canvas.text(((self.left + self.right) / 2, below), xlabel, "ma")
        if ylabel:
            middle = MARGIN + text_size(ylabel, AXIS_POINTS)[1] / 2
            place = self.left - room_beside(self.up, ylabel) + middle, (self.top + self.bottom) / 2
            canvas.vertical_text(place, ylabel)


def room_beside(up: Scale, ylabel: str) -> float:
    """Return the width in pixels of the tick labels and the name on the left of an axis."""
    numbers = max((text_size(name, AXIS_POINTS)[0] for name in up.names), default=0)
    return MARGIN + (text_size(ylabel, AXIS_POINTS)[1] + BESIDE if ylabel else 0) + numbers + TICK + 4
