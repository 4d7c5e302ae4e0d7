"""Which rows of a table are significantly better than others, and their ranks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from genzoo.comparison.statistics import Difference, Estimate, corrected, difference, of_seeds
from genzoo.evaluation.order import Order, default_metric, key, order_of
from genzoo.system.messages import warn

if TYPE_CHECKING:
    from genzoo.comparison.tables import Part, Row, Table

MOST_SEEDS = 100
"""Seeds of each row above which nobody makes them."""


@dataclass(frozen=True)
class Paired:
    """The difference between two rows on the same test data."""

    better: str
    """Label of the row with the better test metric, significantly or not."""
    other: str
    """Label of the other row."""
    metric: str
    difference: float
    """Of the two means, never negative."""
    interval: float | None
    """Half the width of the difference's interval at the corrected level; None if a row has only one seed."""
    p: float
    """The p-value, not corrected; 1 if a row has only one seed."""
    seeds: tuple[int, int]
    """The number of seeds of each row."""
    n: int | None
    """The number of test examples with values of both rows; None: the interval is over seeds only."""
    comparisons: int
    """The number of pairs of rows that the level is corrected for."""
    comparative: str = "lower"
    """Whether a better metric is "lower" or "higher"."""
    part: Part = "test"
    """The split whose metrics differ."""
    alike: tuple[str, ...] = ()
    """Labels of further rows that `better` does not differ significantly from."""

    @property
    def settled(self) -> bool:
        """Whether the difference is significant."""
        return self.p < corrected(self.comparisons)

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "settled": self.settled}


def paired(table: Table, metric: str) -> Paired | None:
    """Return the test of the best two rows; None if there are fewer, or if neither lower nor higher is better.

    Seeds are replicates, so the variance over seeds counts for each row. Both rows have the same test examples, so the
    variance of the difference over these counts. Any pair could have been the best two: the level is corrected for all.
    """
    return best_two(table.sorted_by(metric).rows, metric, table.label)


def best_two(rows: Sequence[Row], metric: str, label: Callable[[Row], str], part: Part = "test") -> Paired | None:
    """Return the test of the first two rows that have the metric on a split, see `paired`.

    Args:
        rows: All that were chosen from, the best first.
        metric: Its name in results.
        label: Gives a row's name.
        part: The split; of validation data the variance over seeds counts alone.
    """
    first, order = [row for row in rows if isinstance(row.estimate(metric, part), Estimate)][:2], order_of(metric)
    if len(first) < 2 or order.better is None:
        return None
    one, other = (costs(row, metric, order, part) for row in first)
    if other.mean < one.mean:  # the best two are chosen on validation data
        first.reverse()
    found = tested(first[0], first[1], metric, order, part)
    pairs = comparisons(rows, metric, part)
    others = ((row, tested(first[0], row, metric, order, part)) for row in rows if all(row is not one for one in first))
    values = example_differences(first[0], first[1], metric) if part == "test" else None
    return Paired(
        better=label(first[0]),
        other=label(first[1]),
        metric=metric,
        difference=abs(other.mean - one.mean),
        interval=None if found is None else found.interval(corrected(pairs)),
        p=1.0 if found is None else found.p,
        seeds=(first[0].seeds, first[1].seeds),
        n=None if values is None else values[1],
        comparisons=pairs,
        comparative=order.comparative,
        part=part,
        alike=tuple(label(row) for row, one in others if one is not None and one.p >= corrected(pairs)),
    )


def usual_metric(table: Table) -> str:
    """Return the metric that a table is sorted by if none is named, see `genzoo.evaluation.order.default_metric`."""
    return default_metric(table.metrics(), lambda name: not table.without(name))


def ordered(table: Table, asked: str | None) -> tuple[Table, str]:
    """Return a table with the best row first, and the metric that it is sorted by, see `metric_to_sort_by`."""
    metric = metric_to_sort_by(table, asked)
    return replace(table.sorted_by(metric), asked=key(asked or "") == metric), metric


def metric_to_sort_by(table: Table, asked: str | None) -> str:
    """Return the metric that `--sort` names; the usual one without it, and, with a warning, where no run has it."""
    if asked and key(asked) in table.measured():
        return key(asked)
    chosen = usual_metric(table)
    if asked:
        warn(f"no run of {table.brief or table.protocol} has {asked}", f"sorted by {chosen.replace('_', '-')}")
    return chosen


def ranks(table: Table, metric: str) -> list[int | None]:
    """Return for each row 1 + the number of significantly better rows; None without the metric or without an order.

    Rows that are not significantly worse than the best one share rank 1. Of one seed nothing can be tested: no rank.
    """
    order = order_of(metric)
    known = [row.seeds > 1 and isinstance(row.estimate(metric), Estimate) for row in table.rows]
    place: list[int | None] = [1 if one else None for one in known]
    if order.better is None:
        return [None] * len(place)
    level = corrected(comparisons(table.rows, metric))
    for (i, one), (j, other) in itertools.combinations(enumerate(table.rows), 2):
        found = tested(one, other, metric, order, "test")
        if found is not None and found.p < level:
            worse = i if found.mean > 0 else j
            place[worse] = (place[worse] or 1) + 1
    return place


def seeds_enough(rows: Sequence[Row], metric: str, part: Part) -> int | None:
    """Return how many seeds of each of the first two rows would show their difference, if it stayed as it is.

    None: no number up to `MOST_SEEDS` would, or the variance over seeds is not known.
    """
    one, other = (costs(row, metric, order_of(metric), part) for row in rows[:2])
    if min(len(one.values), len(other.values)) < 2:
        return None
    level, gap = corrected(comparisons(rows, metric, part)), one.mean - other.mean
    return next((n for n in range(2, MOST_SEEDS + 1) if of_seeds(gap, one, other, n).p < level), None)


def comparisons(rows: Sequence[Row], metric: str, part: Part = "test") -> int:
    """Return how many pairs of rows can be tested: rows with the metric and at least two seeds."""
    k = sum(row.seeds > 1 and isinstance(row.estimate(metric, part), Estimate) for row in rows)
    return k * (k - 1) // 2


def tested(one: Row, other: Row, metric: str, order: Order, part: Part) -> Difference | None:
    """Return the first row's cost minus the second's, negative if the first is better; None if it cannot be tested."""
    if min(one.seeds, other.seeds) < 2:
        return None
    if any(isinstance(row.estimate(metric, part), str) for row in (one, other)):
        return None
    examples = example_differences(one, other, metric) if part == "test" else None
    return difference(costs(one, metric, order, part), costs(other, metric, order, part), examples)


def costs(row: Row, metric: str, order: Order, part: Part = "test") -> Estimate:
    """Return a row's metric over the seeds as a cost: lower is better."""
    estimate = row.estimate(metric, part)
    assert isinstance(estimate, Estimate)
    return Estimate(tuple(map(order.cost, estimate.values)))


def example_differences(one: Row, other: Row, metric: str) -> tuple[float, int] | None:
    """Return the variance over test examples of the difference of two rows, and their number; None if not known."""
    import numpy as np

    values, others = one.examples.get(metric), other.examples.get(metric)
    if values is None or others is None or values.shape != others.shape or len(values) < 2:
        return None
    with np.errstate(all="ignore"):  # a metric may be infinite
        variance = float((values - others).var(ddof=1))
    return (variance, len(values)) if variance < float("inf") else None
