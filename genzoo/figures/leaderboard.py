"""The figure of a leaderboard: quality against speed of each model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from genzoo.comparison.leaderboard import Leaderboard, speed
from genzoo.comparison.statistics import Estimate
from genzoo.core.text import significant
from genzoo.evaluation.order import heading, order_of
from genzoo.figures.canvas import CLASS_COLOURS, TITLE, new_figure, own_style, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAR = 1.5
"""A baseline further from the models than this multiple of their range is listed and not drawn."""
MARKERS = "osD^vPXh*<>"
SMALL = {"fontsize": 8, "color": "#555555"}
LINE, LETTER = 14.0, 6.0
"""Height of a line and width of a letter, in points."""


class Point(NamedTuple):
    """A model in the figure, distinguished by marker, name and colour."""

    name: str
    images_per_second: float
    value: Estimate
    marker: str
    colour: str


@own_style()
def draw(path: Path, board: Leaderboard) -> None:
    """Draw a panel for the metric that the leaderboard is sorted by, and for each metric with baselines."""
    panels = {name: points for name in panel_metrics(board) if (points := plotted_points(board, name))}
    if not panels:
        return
    figure = new_figure(5.8 * len(panels), 4.6)
    figure.suptitle("Quality and speed", x=0.01, ha="left", fontsize=12)
    for axes, (name, points) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        _panel(axes, board, name, points)
    save(figure, path)


def panel_metrics(board: Leaderboard) -> list[str]:
    """Return the metrics that have a panel: the one that the rows are sorted by first, and those with baselines."""
    names = [name for name in board.table.metrics() if name != board.metric and order_of(name).baselines]
    return [board.metric, *names]


def plotted_points(board: Leaderboard, name: str) -> list[Point]:
    """Return the rows that have the metric and a speed."""
    found = []
    for row, marker, colour in zip(board.table.rows, cycle(MARKERS), cycle(CLASS_COLOURS), strict=False):
        images, value = speed(row, "train"), row.estimate(name)
        if isinstance(images, Estimate) and images.mean > 0 and isinstance(value, Estimate):
            found.append(Point(board.table.label(row), images.mean, value, marker, colour))
    return found


def _panel(axes: Axes, board: Leaderboard, name: str, points: Sequence[Point]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_title(f"{heading(name)}, test data, mean ± 95 % interval over seeds", **{**TITLE, "fontsize": 10})
    for point in points:
        axes.errorbar(point.images_per_second, point.value.mean, yerr=point.value.interval, capsize=3, zorder=3,
                      fmt=point.marker, color=point.colour, markersize=8)  # fmt: skip
    speeds = [point.images_per_second for point in points]
    room = (max(speeds) / min(speeds)) ** 0.15 * 1.3
    axes.set_xscale("log")
    axes.set_xlim(min(speeds) / room, max(speeds) * room**2)  # room for the names
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("images per second in training (log scale)")
    order = order_of(name)
    label = heading(name)
    axes.set_ylabel(f"{label}, {order.comparative} is better" if order.better else label)
    axes.margins(y=0.15)
    axes.grid(alpha=0.2)
    _baselines(axes, board, name, points)
    _names(axes, points)


def _baselines(axes: Axes, board: Leaderboard, name: str, points: Sequence[Point]) -> None:
    """Draw a dashed line for each baseline near the models, and list the others."""
    low = min(point.value.mean - (point.value.interval or 0) for point in points)
    high = max(point.value.mean + (point.value.interval or 0) for point in points)
    reach = FAR * ((high - low) or abs(high))
    outside = ["outside the axes:"]
    for baseline in board.baselines():
        if baseline.metric != name:
            continue
        if low - reach < baseline.value < high + reach:
            axes.axhline(baseline.value, color="#555555", linestyle="--", linewidth=1)
            axes.annotate(baseline.name, (0.01, baseline.value), xycoords=("axes fraction", "data"), xytext=(0, 3),
                          textcoords="offset points", **SMALL)  # type: ignore[arg-type]  # fmt: skip
        else:
            outside.append(f"{baseline.name} {significant(baseline.value, 4)}")
    if len(outside) > 1:
        axes.text(0.99, 0.98, "\n".join(outside), transform=axes.transAxes, ha="right", va="top", **SMALL)  # type: ignore[arg-type]


def _names(axes: Axes, points: Sequence[Point]) -> None:
    """Draw each name right of its point, raised as far as needed to clear the name below."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # fixes the positions of all values
    places = [axes.transData.transform((p.images_per_second, p.value.mean)) * 72 / figure.dpi for p in points]
    taken: list[tuple[float, float, float]] = []
    for number in sorted(range(len(points)), key=lambda number: float(places[number][1])):
        start, height = map(float, places[number])
        width = LETTER * len(points[number].name)
        for other, level, length in taken:
            if start < other + length and other < start + width:
                height = max(height, level + LINE)
        taken.append((start, height, width))
        point = points[number]
        axes.annotate(point.name, (point.images_per_second, point.value.mean), textcoords="offset points",
                      xytext=(18, height - float(places[number][1]) - 3), fontsize=9,
                      arrowprops={"arrowstyle": "-", "color": point.colour, "linewidth": 1})  # fmt: skip
