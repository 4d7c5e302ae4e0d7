"""Rate–distortion curves of runs with different weights of the KL (Alemi et al. 2018, arXiv 1711.00464).

β, or a capacity C, trades rate (KL, in nats) for distortion (reconstruction, in nats). The values of β trace a curve;
lower and to the left is better. −ELBO is the sum of rate and distortion.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Row, Table
from genzoo.core.text import significant
from genzoo.evaluation.order import metric_for, rate_options_of
from genzoo.runs.schema import is_number


@dataclass(frozen=True)
class Point:
    """One row of a table in the rate–distortion plane."""

    label: str
    """Such as "β=4", or "C=5" for a capacity."""
    rate: float
    """KL in nats an example."""
    distortion: float
    """E[−ln p(x|z)] in nats an example."""

    def dominates(self, other: Point) -> bool:
        """Return whether neither rate nor distortion is higher than the other point's, and one is lower."""
        pairs = ((self.rate, other.rate), (self.distortion, other.distortion))
        return all(own <= its for own, its in pairs) and any(own < its for own, its in pairs)


@dataclass(frozen=True)
class Curve:
    """Points of one model, sorted by rate. Several may be equal."""

    name: str
    points: tuple[Point, ...]

    @property
    def front(self) -> tuple[Point, ...]:
        """The Pareto front, without duplicates: along it, distortion falls as rate rises."""
        places: dict[tuple[float, float], Point] = {}
        for point in self.points:
            if not any(other.dominates(point) for other in self.points):
                places.setdefault((point.rate, point.distortion), point)
        return tuple(places.values())

    @property
    def dominated(self) -> tuple[Point, ...]:
        """The points that another point dominates."""
        return tuple(point for point in self.points if any(other.dominates(point) for other in self.points))

    def area(self, low: float, high: float) -> float:
        """Return ∫ D dR in nats² between two rates of the front, with linear interpolation between points."""
        places = [low, *(point.rate for point in self.front if low < point.rate < high), high]
        heights = [self.at(rate) for rate in places]
        steps = itertools.pairwise(zip(places, heights, strict=True))
        return sum((right - left) * (one + other) / 2 for (left, one), (right, other) in steps)

    def at(self, rate: float) -> float:
        """Return the distortion at a rate of the front, by linear interpolation.

        Raises:
            ValueError: The rate is outside the front.
        """
        front = self.front
        for one, other in itertools.pairwise(front):
            if one.rate <= rate <= other.rate:
                share = (rate - one.rate) / (other.rate - one.rate)
                return one.distortion + share * (other.distortion - one.distortion)
        raise ValueError(f"rate {rate} is not between {front[0].rate} and {front[-1].rate}")


def curves(table: Table) -> list[Curve]:
    """Return the rows with finite rate and distortion as curves.

    Rows that differ only in options that their loss declares as `rate_options` share a curve.
    """
    groups: dict[str, list[Row]] = {}
    for row in table.rows:
        known = [row.estimate(name) for name in axes()]
        if all(isinstance(one, Estimate) and math.isfinite(one.mean) for one in known):
            traced = rate_options_of(str(row.settings["loss"]))
            rest = {name: value for name, value in row.settings.items() if name not in traced}
            groups.setdefault(json.dumps(rest, sort_keys=True), []).append(row)
    found = []
    for rows in groups.values():
        points = sorted((as_point(row) for row in rows), key=lambda point: (point.rate, point.distortion))
        name = table.label(rows[0], leaving_out=tuple(rate_options_of(str(rows[0].settings["loss"]))))
        found.append(Curve(name, tuple(points)))
    return found


def axes() -> tuple[str, str]:
    """Return the metrics that are rate and distortion, by their names in results."""
    return metric_for("rate"), metric_for("distortion")


def as_point(row: Row) -> Point:
    """Return a row as a point: its means over seeds."""
    rate, distortion = map(row.estimate, axes())
    assert isinstance(rate, Estimate)
    assert isinstance(distortion, Estimate)
    symbols = rate_options_of(str(row.settings["loss"]))
    values = {symbol: row.settings.get(name) for name, symbol in symbols.items() if symbol}
    label = next((f"{symbol}={value:g}" for symbol, value in values.items() if is_number(value)), "")
    return Point(label, rate.mean, distortion.mean)


def curve_notes(found: Sequence[Curve]) -> list[str]:
    """Return a note on each curve with two points or more: its area over the common rates, and dominated points."""
    real = [curve for curve in found if len(curve.front) > 1]
    low = max((curve.front[0].rate for curve in real), default=0.0)
    high = min((curve.front[-1].rate for curve in real), default=0.0)
    lines = []
    for curve in found:
        name = f"rate–distortion, {curve.name}"
        if curve in real:
            lower, upper = (low, high) if low < high else (curve.front[0].rate, curve.front[-1].rate)
            monotone = "" if curve.dominated else "; monotone"
            size, *ends = (significant(value, 4) for value in (curve.area(lower, upper), lower, upper))
            area = f"{size} nats² between rates {' and '.join(ends)}"
            lines.append(f"{name}: area {area}{monotone}")
        lines += [
            f"{name}: {point.label} is dominated by {better.label}: neither its rate nor its distortion is higher"
            for point in curve.points
            if (better := next((other for other in curve.points if other.dominates(point)), None))
        ]
    return lines
