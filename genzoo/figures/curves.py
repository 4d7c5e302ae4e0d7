"""The learning curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from genzoo.core.errors import GenzooError
from genzoo.evaluation.evaluate import find_metrics, key
from genzoo.figures.canvas import DATA_COLOUR, DPI, MODEL_COLOUR
from genzoo.figures.chart import Panel, Paper, Place, Scale, linear, room_beside
from genzoo.figures.context import FigureContext
from genzoo.figures.image_grid import MARGIN
from genzoo.registry.current import registry
from genzoo.training.objective import GIVEN_CLASS

STYLES = {"train": (DATA_COLOUR, 0.0), "validation": (MODEL_COLOUR, 8.0)}
"""Colour of each part, and the length of its dashes."""
WIDTH, HEIGHT = 3.4 * DPI, 3.2 * DPI
"""Pixels of one term's curves."""


def curves(context: FigureContext, path: Path) -> None:
    """Each term of the loss over the epochs, in training and validation."""
    history = context.run.history
    if not history:
        raise GenzooError("no epochs to draw")
    names = list(history[-1]["train"])
    others = [name for name in names if name != "loss"]
    if any(all(epoch["train"].get(name) == epoch["train"].get("loss") for epoch in history) for name in others):
        names = others  # the objective says what another term says
    paper = Paper(WIDTH * len(names), HEIGHT)
    epochs = [epoch["epoch"] for epoch in history]
    for number, name in enumerate(names):
        parts = {part: [float(epoch[part].get(name, math.nan)) for epoch in history] for part in STYLES}
        title, unit = labels(name)
        up = enclosing([value for values in parts.values() for value in values])
        left = number * WIDTH + room_beside(up, unit)
        box = (left, 32, (number + 1) * WIDTH - 2 * MARGIN, HEIGHT - 58)
        panel = Panel(paper, box, linear(epochs[0] - 0.5, epochs[-1] + 0.5, whole=True), up)
        panel.frame(title, "epoch", unit)
        for part, values in parts.items():
            points = [panel.at(x, y) for x, y in zip(epochs, values, strict=True) if math.isfinite(y)]
            _curve(paper, points, part)
        if number == 0:
            _legend(panel, [part for part, values in parts.items() if any(map(math.isfinite, values))])
    paper.save(path)


def enclosing(values: Sequence[float]) -> Scale:
    """An axis with some room around the finite ones of some values."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    return linear(low - room, high + room)


def _curve(paper: Paper, points: Sequence[Place], part: str) -> None:
    """Dots joined by a line, or squares by dashes."""
    colour, dash = STYLES[part]
    if len(points) > 1:
        paper.line(points, colour, 2.5, dash)
    if dash:
        for x, y in points:
            paper.box(x - 2.5, y - 2.5, x + 2.5, y + 2.5, colour)
    else:
        paper.dots(points, colour, 3)


def _legend(panel: Panel, parts: Sequence[str]) -> None:
    """Which curve is which, in the upper right corner."""
    for number, part in enumerate(parts):
        y = panel.top + 12 + 22 * number
        right = panel.right - 90
        _curve(panel.paper, [(right - 34, y), (right - 20, y), (right - 6, y)], part)
        panel.paper.write((right, y), part, "lm")


def labels(term: str) -> tuple[str, str]:
    """What a curve of the loss's term is called, and its unit: that of the metric of the same name, if there is one."""
    plain = term.removesuffix(GIVEN_CLASS)
    units = {key(name): metric.unit for name, metric in find_metrics(registry()).items()}
    title = {"negative_elbo": "−ELBO", "kl": "KL"}.get(plain, plain)
    unit = units.get(plain, "")
    return title + (" given the class" if plain != term else ""), f"{unit} an example" if unit else ""
