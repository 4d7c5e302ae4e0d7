"""Learning curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from genzoo.core.errors import GenzooError
from genzoo.evaluation.evaluate import find_metrics, key
from genzoo.evaluation.order import label_of
from genzoo.figures.canvas import DATA_COLOUR, DPI, MODEL_COLOUR
from genzoo.figures.chart import Canvas, Panel, Place, Scale, linear, room_beside
from genzoo.figures.context import FigureContext
from genzoo.figures.image_grid import AXIS_POINTS, MARGIN, text_size
from genzoo.registry.current import registry
from genzoo.training.objective import GIVEN_CLASS

STYLES = {"train": (DATA_COLOUR, 0.0), "validation": (MODEL_COLOUR, 8.0)}
"""Colour and length of dashes of each split."""
WIDTH, HEIGHT = 3.4 * DPI, 3.2 * DPI
"""Size in pixels of the panel of one term."""
LEGEND = 30
"""Height in pixels of the legend above the panels, where it covers no curve."""


def curves(context: FigureContext, path: Path) -> None:
    """Draw each term of the loss over the epochs, in training and validation."""
    history = context.run.history
    if not history:
        raise GenzooError("no epochs to draw")
    names = list(dict.fromkeys(name for epoch in history for name in epoch["train"]))  # a phase may miss an epoch
    others = [name for name in names if name != "loss"]
    if any(all(epoch["train"].get(name) == epoch["train"].get("loss") for epoch in history) for name in others):
        names = others  # the loss equals another term
    canvas = Canvas(WIDTH * len(names), LEGEND + HEIGHT)
    epochs = [epoch["epoch"] for epoch in history]
    for number, name in enumerate(names):
        parts = {part: [float(epoch[part].get(name, math.nan)) for epoch in history] for part in STYLES}
        title, unit = labels(name)
        up = enclosing([value for values in parts.values() for value in values])
        left = number * WIDTH + room_beside(up, unit)
        across = linear(epochs[0] - 0.5, epochs[-1] + 0.5, whole=True)
        half = text_size(across.names[-1], AXIS_POINTS)[0] / 2  # of the last tick's label
        box = (left, LEGEND + 32, (number + 1) * WIDTH - MARGIN - max(MARGIN, half), LEGEND + HEIGHT - 58)
        panel = Panel(canvas, box, across, up)
        panel.frame(title, "epoch", unit)
        for part, values in parts.items():
            points = [panel.at(x, y) for x, y in zip(epochs, values, strict=True) if math.isfinite(y)]
            _curve(canvas, points, part)
        if number == 0:
            _legend(canvas, left, [part for part, values in parts.items() if any(map(math.isfinite, values))])
    canvas.save(path)


def enclosing(values: Sequence[float]) -> Scale:
    """Return an axis with a margin around the finite values."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    return linear(low - room, high + room)


def _curve(canvas: Canvas, points: Sequence[Place], part: str) -> None:
    """Draw dots on a line, or squares on a dashed line."""
    colour, dash = STYLES[part]
    if len(points) > 1:
        canvas.line(points, colour, 2.5, dash)
    if dash:
        for x, y in points:
            canvas.box(x - 2.5, y - 2.5, x + 2.5, y + 2.5, colour)
    else:
        canvas.dots(points, colour, 3)


def _legend(canvas: Canvas, left: float, parts: Sequence[str]) -> None:
    """Draw the legend in one row at the top."""
    y = LEGEND / 2
    for part in parts:
        _curve(canvas, [(left, y), (left + 14, y), (left + 28, y)], part)
        canvas.text((left + 36, y), part, "lm")
        left += 36 + text_size(part, AXIS_POINTS)[0] + 24


def labels(term: str) -> tuple[str, str]:
    """Return the title of a term of the loss, and its unit: those of the metric of the same name, if there is one."""
    plain = term.removesuffix(GIVEN_CLASS)
    units = {key(name): metric.unit for name, metric in find_metrics(registry()).items()}
    title, unit = label_of(plain), units.get(plain, "")
    return title + (" given the class" if plain != term else ""), f"{unit} per example" if unit else ""
