"""The figure of a race: a panel for each ranking."""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten, wrap
from typing import TYPE_CHECKING

from genzoo.comparison.race import Contest, Race
from genzoo.comparison.statistics import Estimate
from genzoo.evaluation.order import heading, order_of
from genzoo.figures.canvas import DATA_COLOUR, MODEL_COLOUR, QUIET_COLOUR, new_figure, own_style, save
from genzoo.figures.scatter import tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, LINE, FRAME = 7.6, 0.3, 1.15
"""Size in inches: the width, the height of a row, and that of a panel's title and axis."""
WIDE = 20.0
"""The axis is logarithmic where the largest value is this many times the smallest."""


@own_style()
def draw(path: Path, race: Race) -> None:
    """Draw each ranking, the best on top: models as dots with intervals over seeds, baselines hollow."""
    heights = [FRAME + LINE * (len(one.table.rows) + len(one.baselines())) for one in race.contests]
    figure = new_figure(WIDTH, sum(heights) + 0.5)
    panels = figure.subplots(len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    title = f"{race.everyone.brief or race.everyone.protocol} · {race.budget:g} s of training each"
    figure.suptitle("\n".join(wrap(title, 90)), x=0.01, ha="left", fontsize=11)
    for axes, contest in zip(panels, race.contests, strict=True):
        panel(axes, contest)
    save(figure, path)


def panel(axes: Axes, contest: Contest) -> None:
    """Draw one ranking."""
    order, table = order_of(contest.metric), contest.table
    known = [(table.label(row), row.estimate(contest.metric)) for row in table.rows]
    values: list[tuple[str, float, Estimate | None]] = [
        (estimate.sign + label, estimate.mean, estimate) for label, estimate in known if isinstance(estimate, Estimate)
    ]
    values += [(one.name, one.value, None) for one in contest.baselines() if one.metric == contest.metric]
    values.sort(key=lambda line: order.cost(line[1]))
    for place, (_, value, estimate) in enumerate(values):
        if estimate is None:
            axes.plot(value, place, "o", mfc="white", c=QUIET_COLOUR, ms=7)
            continue
        axes.plot(estimate.values, [place] * len(estimate.values), "o", c=DATA_COLOUR, ms=6, alpha=0.7, mew=0)
        if estimate.interval is not None:
            axes.errorbar(value, place, xerr=estimate.interval, fmt="|", c=MODEL_COLOUR, ms=11, capsize=4)
    axes.set_yticks(range(len(values)), [shorten(name, 40, placeholder="…") for name, *_ in values])
    axes.set_ylim(len(values) - 0.5, -0.5)
    numbers = [value for _, value, _ in values]
    if min(numbers) > 0 and max(numbers) > WIDE * min(numbers):
        axes.set_xscale("log")
    axes.set_xlabel(f"{heading(contest.metric)}, {order.comparative} is better")
    measure = contest.table.protocol.rpartition("measure ")[2] if "measure " in contest.table.protocol else ""
    axes.set_title(f"of {measure}" if measure else "of samples", fontsize=9, loc="left", color="#555555")
    tidy(axes)
