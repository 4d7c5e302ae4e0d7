"""Rate and distortion of runs that press on the KL in different degrees (Alemi et al. 2018, arXiv 1711.00464).

A model under β, or held to a capacity C, trades nats of KL (the rate) for nats of reconstruction (the distortion). Over
all β these trace a curve, on which a lower point to the left is better; −ELBO is the sum of both.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Row, Table

PRESSURE = ("beta", "capacity", "gamma")
"""Options of a loss that choose a point of the curve; whoever differs in others is on another curve."""


@dataclass(frozen=True)
class Point:
    """One row of a table."""

    label: str
    """What it was pressed with: "β=4", or "C=5" for a capacity."""
    rate: float
    """KL in nats an example."""
    distortion: float
    """E[−ln p(x|z)] in nats an example."""

    def dominates(self, other: Point) -> bool:
        """Whether it is nowhere worse than the other and better in one of the two."""
        pairs = ((self.rate, other.rate), (self.distortion, other.distortion))
        return all(own <= its for own, its in pairs) and any(own < its for own, its in pairs)


@dataclass(frozen=True)
class Curve:
    """Points of one model, in the order of their rates. Several may lie at one place."""

    name: str
    points: tuple[Point, ...]

    @property
    def front(self) -> tuple[Point, ...]:
        """The points that no other one dominates, one for each place: along them, more rate is less distortion."""
        places: dict[tuple[float, float], Point] = {}
        for point in self.points:
            if not any(other.dominates(point) for other in self.points):
                places.setdefault((point.rate, point.distortion), point)
        return tuple(places.values())

    @property
    def dominated(self) -> tuple[Point, ...]:
        """The points that another one dominates."""
        return tuple(point for point in self.points if any(other.dominates(point) for other in self.points))

    def area(self, low: float, high: float) -> float:
        """∫ D dR in nats² between two rates of its front, by straight lines from point to point."""
        places = [low, *(point.rate for point in self.front if low < point.rate < high), high]
        heights = [self.at(rate) for rate in places]
        steps = itertools.pairwise(zip(places, heights, strict=True))
        return sum((right - left) * (one + other) / 2 for (left, one), (right, other) in steps)

    def at(self, rate: float) -> float:
        """The distortion at a rate of its front, on the line between the points on either side of it."""
        front = self.front
        for one, other in itertools.pairwise(front):
            if one.rate <= rate <= other.rate:
                share = (rate - one.rate) / (other.rate - one.rate)
                return one.distortion + share * (other.distortion - one.distortion)
        raise ValueError(f"rate {rate} is not between {front[0].rate} and {front[-1].rate}")


def curves(table: Table) -> list[Curve]:
    """The rows with a rate and a distortion, both finite; those that differ in pressure alone as one curve."""
    groups: dict[str, list[Row]] = {}
    for row in table.rows:
        known = [row.estimate(name) for name in ("kl", "reconstruction")]
        if all(isinstance(one, Estimate) and math.isfinite(one.mean) for one in known):
            rest = {name: value for name, value in row.settings.items() if name not in PRESSURE}
            groups.setdefault(json.dumps(rest, sort_keys=True), []).append(row)
    found = []
    for rows in groups.values():
        points = sorted((as_point(row) for row in rows), key=lambda point: (point.rate, point.distortion))
        found.append(Curve(table.label(rows[0], leaving_out=PRESSURE), tuple(points)))
    return found


def as_point(row: Row) -> Point:
    """A row by its means over seeds."""
    rate, distortion = row.estimate("kl"), row.estimate("reconstruction")
    assert isinstance(rate, Estimate)
    assert isinstance(distortion, Estimate)
    return Point(pressure(row.settings), rate.mean, distortion.mean)


def pressure(settings: dict[str, Any]) -> str:
    """β, or the capacity, as a label."""
    capacity, beta = settings.get("capacity"), settings.get("beta")
    return f"C={capacity:g}" if capacity is not None else f"β={beta:g}" if beta is not None else ""


def told(found: Sequence[Curve]) -> list[str]:
    """Of each curve of two points or more its area, over the rates that all have, and what breaks it, a line each."""
    real = [curve for curve in found if len(curve.front) > 1]
    low = max((curve.front[0].rate for curve in real), default=0.0)
    high = min((curve.front[-1].rate for curve in real), default=0.0)
    lines = []
    for curve in found:
        name = f"rate–distortion, {curve.name}"
        if curve in real:
            lower, upper = (low, high) if low < high else (curve.front[0].rate, curve.front[-1].rate)
            monotone = "" if curve.dominated else "; monotone"
            area = f"{curve.area(lower, upper):.4g} nats² between rates {lower:.4g} and {upper:.4g}"
            lines.append(f"{name}: area {area}{monotone}")
        lines += [
            f"{name}: {point.label} is dominated by {better.label}, which needs no more of either"
            for point in curve.points
            if (better := next((other for other in curve.points if other.dominates(point)), None))
        ]
    return lines
