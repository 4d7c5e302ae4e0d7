"""Which rows of a table are settled to be better than others, and the ranks that follow."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from genzoo.comparison.statistics import Difference, Estimate, corrected, difference
from genzoo.evaluation.order import Order, order_of

if TYPE_CHECKING:
    from genzoo.comparison.tables import Row, Table


@dataclass(frozen=True)
class Paired:
    """The difference between two rows on the same test data."""

    better: str
    """The row whose test metric is the better one, settled or not."""
    other: str
    metric: str
    difference: float
    """By how much."""
    interval: float | None
    """Half the width of the difference's interval at the corrected level; None if a row has one seed only."""
    p: float
    """The probability of such a difference where there is none, not corrected; 1 if a row has one seed only."""
    seeds: tuple[int, int]
    """How many there are of either row."""
    n: int | None
    """Test examples whose values are known of both rows; None: the interval is that of the seeds alone."""
    comparisons: int
    """Pairs of rows that could have been tested, for which the level is corrected."""
    comparative: str = "lower"
    """What a better metric is."""

    @property
    def settled(self) -> bool:
        """Whether the rows differ by more than seeds and test examples explain."""
        return self.p < corrected(self.comparisons)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "settled": self.settled}


def paired(table: Table, metric: str) -> Paired | None:
    """The test of the best two rows; None where there are no two, or no metric is better than another.

    The seeds of a row are what is repeated, so their spread counts; of the test examples the spread of the difference
    counts, since both rows have the same ones. Every pair could have been the best two: the level is corrected for it.
    """
    rows = [row for row in table.sorted_by(metric).rows if isinstance(row.estimate(metric), Estimate)][:2]
    order = order_of(metric)
    if len(rows) < 2 or order.better is None:
        return None
    one, other = costs(rows[0], metric, order), costs(rows[1], metric, order)
    if other.mean < one.mean:  # the best two are chosen on validation data
        rows.reverse()
    found = tested(rows[0], rows[1], metric, order)
    pairs = comparisons(table.rows, metric)
    values = example_differences(rows[0], rows[1], metric)
    return Paired(
        better=table.label(rows[0]),
        other=table.label(rows[1]),
        metric=metric,
        difference=abs(other.mean - one.mean),
        interval=None if found is None else found.interval(corrected(pairs)),
        p=1.0 if found is None else found.p,
        seeds=(rows[0].seeds, rows[1].seeds),
        n=None if values is None else values[1],
        comparisons=pairs,
        comparative=order.comparative,
    )


def ranks(table: Table, metric: str) -> list[int | None]:
    """Of each row 1 + how many rows are settled to be better; None for rows without the metric, or without an order.

    Rows that are not told apart from the best one share rank 1.
    """
    order = order_of(metric)
    place: list[int | None] = [None if isinstance(row.estimate(metric), str) else 1 for row in table.rows]
    if order.better is None:
        return [None] * len(place)
    level = corrected(comparisons(table.rows, metric))
    for (i, one), (j, other) in itertools.combinations(enumerate(table.rows), 2):
        found = tested(one, other, metric, order)
        if found is not None and found.p < level:
            worse = i if found.mean > 0 else j
            place[worse] = (place[worse] or 1) + 1
    return place


def comparisons(rows: Sequence[Row], metric: str) -> int:
    """How many pairs of rows can be tested: those of two seeds or more that have the metric."""
    k = sum(row.seeds > 1 and isinstance(row.estimate(metric), Estimate) for row in rows)
    return k * (k - 1) // 2


def tested(one: Row, other: Row, metric: str, order: Order) -> Difference | None:
    """The first row's metric less the second's, negative if the first is better; None if it cannot be tested."""
    if min(one.seeds, other.seeds) < 2:
        return None
    if any(isinstance(row.estimate(metric), str) for row in (one, other)):
        return None
    return difference(costs(one, metric, order), costs(other, metric, order), example_differences(one, other, metric))


def costs(row: Row, metric: str, order: Order) -> Estimate:
    """A row's metric over the seeds, turned so that less is better."""
    estimate = row.estimate(metric)
    assert isinstance(estimate, Estimate)
    return Estimate(tuple(map(order.cost, estimate.values)))


def example_differences(one: Row, other: Row, metric: str) -> tuple[float, int] | None:
    """The variance over test examples of the difference of two rows, and their number; None where it is not known."""
    import numpy as np

    values, others = one.examples.get(metric), other.examples.get(metric)
    if values is None or others is None or values.shape != others.shape or len(values) < 2:
        return None
    with np.errstate(all="ignore"):  # a metric may be infinite
        variance = float((values - others).var(ddof=1))
    return (variance, len(values)) if variance < float("inf") else None
