"""Figures of several runs: the rate–distortion plane, and one metric with its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import IO, TYPE_CHECKING, Any

from genzoo.comparison.rate_distortion import Curve, Point
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Table
from genzoo.evaluation.order import heading, order_of
from genzoo.figures.canvas import DATA_COLOUR, MODEL_COLOUR, QUIET_COLOUR, new_figure, own_style, save
from genzoo.figures.scatter import tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (DATA_COLOUR, MODEL_COLOUR, "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe & Ito 2008."""
FIGURE_TITLE: dict[str, Any] = {"x": 0.01, "ha": "left", "fontsize": 11}
MARKS = ("o", "s", "^", "D", "v", "P", "X")
NEAR = 0.05
"""Points of a curve closer than this fraction of both axes share a label."""
EQUAL = 3.0
"""Both axes have the same scale unless this would make one longer than the other by more than this factor."""


@own_style()
def rate_distortion(path: Path | IO[bytes], planes: Sequence[tuple[str, Sequence[Curve]]]) -> None:
    """Draw one plane for each protocol: a point for each row, a line for each model, and lines of equal −ELBO."""
    figure = new_figure(7.6, 6.2 * len(planes))
    for axes, (title, curves) in zip(figure.subplots(len(planes), 1, squeeze=False)[:, 0], planes, strict=True):
        everything = [point for curve in curves for point in curve.points]
        spans = frame(axes, [point.rate for point in everything], [point.distortion for point in everything])
        for number, curve in enumerate(curves):
            draw_curve(axes, curve, COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)], spans)
        axes.set(xlabel="rate: KL (nats per example)", ylabel="distortion: reconstruction (nats per example)")
        lines = [*wrap(title, 90), "dotted: equal −ELBO; lower and to the left is better; hollow: dominated"]
        axes.set_title("\n".join(lines), fontsize=10, loc="left")
        axes.legend(frameon=False, loc="upper right")
        tidy(axes)
        axes.grid(visible=False)
    save(figure, path)


def draw_curve(axes: Axes, curve: Curve, colour: str, mark: str, spans: tuple[float, float]) -> None:
    """Draw a line through the Pareto front, and dominated points hollow; close points share a label."""
    front = curve.front
    axes.plot([p.rate for p in front], [p.distortion for p in front], mark, ls="-", c=colour, ms=7, label=curve.name)
    others = curve.dominated
    axes.plot([p.rate for p in others], [p.distortion for p in others], mark, c=colour, ms=7, mfc="white")
    labelled: list[tuple[Point, list[str]]] = []
    for point in curve.points:
        last = labelled[-1][0] if labelled else None
        near = last and abs(last.rate - point.rate) < NEAR * spans[0]
        if near and last and abs(last.distortion - point.distortion) < NEAR * spans[1]:
            labelled[-1][1].append(point.label)
        else:
            labelled.append((point, [point.label]))
    for point, labels in labelled:
        place = (point.rate, point.distortion)
        axes.annotate(", ".join(labels), place, (7, 5), textcoords="offset points", fontsize=9)


def frame(axes: Axes, rates: Sequence[float], distortions: Sequence[float]) -> tuple[float, float]:
    """Set limits with room for labels, the same scale on both axes if readable, and draw lines of equal −ELBO.

    Returns:
        The ranges of rate and distortion.
    """
    from matplotlib.ticker import MaxNLocator

    wide, high = (max(max(values) - min(values), 1e-3) for values in (rates, distortions))
    left, right = min(rates) - 0.1 * wide, max(rates) + 0.2 * wide
    bottom, top = min(distortions) - 0.1 * high, max(distortions) + 0.2 * high
    axes.set(xlim=(left, right), ylim=(bottom, top))
    if 1 / EQUAL < high / wide < EQUAL:
        axes.set_aspect("equal", adjustable="box")
    for total in MaxNLocator(9, steps=[1, 2, 5, 10]).tick_values(left + bottom, right + top):
        ends = [(rate, total - rate) for rate in (left, right)]
        axes.plot(*zip(*ends, strict=True), c=QUIET_COLOUR, lw=0.7, ls=":", zorder=1)
        rate = total - bottom  # where the line leaves the frame: below, or else on the right
        place = (rate, bottom) if left < rate < right else (right, total - right)
        if left <= place[0] <= right and bottom <= place[1] <= top:
            axes.annotate(
                f"{total:g}", place, (2, 2), textcoords="offset points", fontsize=8, color="#666666", zorder=2
            )
    return wide, high


@own_style()
def intervals(path: Path | IO[bytes], chosen: Sequence[tuple[Table, str]]) -> None:
    """Draw a metric of each table: of every row that has it a dot for each seed, the mean, and its 95 % intervals."""
    panels = [(table, name, known) for table, name in chosen if (known := rows_with(table, name))]
    heights = [0.45 * len(known) + 1.3 for _, _, known in panels]
    figure = new_figure(8, sum(heights))
    drawn = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, (table, name, known) in zip(drawn, panels, strict=True):
        interval_panel(axes, name, known)
        if len(panels) > 1:
            axes.set_title("\n".join(wrap(table.brief or table.protocol, 90)), fontsize=9, loc="left")
    figure.suptitle("a dot for each seed; 95 % intervals over seeds, and over test examples in grey", **FIGURE_TITLE)
    save(figure, path)


def rows_with(table: Table, name: str) -> list[tuple[str, Estimate]]:
    """Return the rows that have a metric: their labels and its estimates."""
    rows = [(table.label(row), row.estimate(name)) for row in table.rows]
    return [(label, estimate) for label, estimate in rows if isinstance(estimate, Estimate)]


def interval_panel(axes: Axes, name: str, known: Sequence[tuple[str, Estimate]]) -> None:
    """Draw a metric of the rows of one table."""
    for place, (_, estimate) in enumerate(known):
        axes.scatter(estimate.values, [place] * len(estimate.values), s=22, c=DATA_COLOUR, alpha=0.6, linewidths=0)
        if estimate.test_interval is not None:
            axes.errorbar(estimate.mean, place, xerr=estimate.test_interval, fmt="|", c=QUIET_COLOUR, ms=11, lw=4)
        if estimate.interval is not None:
            axes.errorbar(estimate.mean, place, xerr=estimate.interval, fmt="|", c=MODEL_COLOUR, ms=11, capsize=4)
    axes.set_yticks(range(len(known)), [label for label, _ in known])
    axes.set_ylim(len(known) - 0.5, -0.5)
    order = order_of(name)
    axes.set_xlabel(heading(name) + (f" ({order.comparative} is better)" if order.better else ""))
    tidy(axes)
