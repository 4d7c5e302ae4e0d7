"""Means over seeds, their intervals, and the test of a difference between two means."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

LEVEL = 0.05
"""The significance level: how often a test may find a difference where there is none."""
STEPS = 10_000
"""Largest number of terms of a continued fraction; 10⁸ degrees of freedom need some hundreds."""


@dataclass(frozen=True)
class Estimate:
    """A metric over seeds."""

    values: tuple[float, ...]
    """One value for each seed."""
    standard_error: float | None = None
    """Over the choice of test examples, of one seed's metric; None if the metric is not a mean over examples."""
    sign: str = ""
    """What stands before the mean: "≤ " of a bound, "≈ " of an estimate."""

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return statistics.fmean(self.values)

    @property
    def interval(self) -> float | None:
        """Half the width of the 95 % t-interval of the mean over seeds; None for a single seed."""
        n = len(self.values)
        return None if n < 2 else t_quantile(1 - LEVEL / 2, n - 1) * math.sqrt(self.variance / n)

    @property
    def test_interval(self) -> float | None:
        """Half the width of the 95 % interval over the choice of test examples."""
        return None if self.standard_error is None else interval_of(self.standard_error)

    @property
    def variance(self) -> float:
        """The sample variance over seeds (divided by n − 1); needs two seeds."""
        return statistics.variance(self.values)


def interval_of(standard_error: float) -> float:
    """Return half the width of the 95 % interval of a mean over many examples."""
    return statistics.NormalDist().inv_cdf(1 - LEVEL / 2) * standard_error


def as_json(estimate: Estimate | str) -> dict[str, Any]:
    """Return an estimate, or the reason why it is not available, as JSON values."""
    if isinstance(estimate, str):
        return {"not_available": estimate}
    return {
        "mean": estimate.mean,
        **({"sign": estimate.sign.strip()} if estimate.sign else {}),
        "interval_95": estimate.interval,
        "test_interval_95": estimate.test_interval,
        "values": estimate.values,
    }


def estimated(values: Iterable[float | str], standard_error: float | None = None) -> Estimate | str:
    """Return the estimate from one value for each seed, or the reason why one value is not available."""
    known = tuple(values)
    reason = next((value for value in known if isinstance(value, str)), None)
    return Estimate(tuple(map(float, known)), standard_error) if reason is None else reason


@dataclass(frozen=True)
class Difference:
    """A difference of two means, with its variance and degrees of freedom."""

    mean: float
    variance: float
    freedom: float

    @property
    def p(self) -> float:
        """The p-value of the two-sided t-test; 1 if the variance is 0."""
        return two_sided(self.mean / math.sqrt(self.variance), self.freedom) if self.variance > 0 else 1.0

    def interval(self, level: float) -> float:
        """Return half the width of the interval that excludes 0 if and only if p is below the level."""
        return t_quantile(1 - level / 2, self.freedom) * math.sqrt(self.variance) if self.variance > 0 else 0.0


def difference(one: Estimate, other: Estimate, examples: tuple[float, int] | None = None) -> Difference:
    """Return the difference of two means over at least two seeds each (Welch 1947; Satterthwaite 1946).

    Its variance is the sum of those over the seeds of each row and of that over the choice of test examples.

    Args:
        one, other: The two means.
        examples: The variance of the difference over test examples, and the number of examples.
    """
    parts = [(row.variance / len(row.values), len(row.values) - 1) for row in (one, other)]
    if examples is not None and examples[1] > 1:
        parts.append((examples[0] / examples[1], examples[1] - 1))
    total = sum(variance for variance, _ in parts)
    squares = sum(variance**2 / freedom for variance, freedom in parts)
    return Difference(one.mean - other.mean, total, total**2 / squares if squares > 0 else 1.0)


def of_seeds(gap: float, one: Estimate, other: Estimate, seeds: int) -> Difference:
    """Return the difference that two means with the variances of these would have over a number of seeds of each."""
    total = (one.variance + other.variance) / seeds
    squares = (one.variance**2 + other.variance**2) / seeds**2 / (seeds - 1)
    return Difference(gap, total, total**2 / squares if squares > 0 else 1.0)


def corrected(comparisons: int) -> float:
    """Return the Bonferroni-corrected significance level of each of several tests."""
    return LEVEL / max(comparisons, 1)


def two_sided(t: float, freedom: float) -> float:
    """Return P(|T| ≥ |t|) of Student's t distribution, for any positive number of degrees of freedom."""
    if not (ratio := t / freedom * t):
        return 1.0
    return incomplete_beta(freedom / 2, 0.5, 1 / (1 + ratio), 1 / (1 + 1 / ratio))


@cache
def t_quantile(p: float, freedom: float) -> float:
    """Return the p-quantile of Student's t distribution, ½ ≤ p < 1, for any positive number of degrees of freedom."""
    tail = 2 * (1 - p)
    low, high = 0.0, 1.0
    while two_sided(high, freedom) > tail:
        low, high = high, 2 * high
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if two_sided(middle, freedom) > tail else (low, middle)
    return high


def incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b). `rest` is 1 − x, given apart to keep its precision."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    if x < (a + 1) / (a + b + 2):
        return math.exp(logarithm) * _fraction(a, b, x) / a
    return 1 - math.exp(logarithm) * _fraction(b, a, rest) / b


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method (Press et al. 2007, section 6.4)."""
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    value = d
    for m in range(1, STEPS):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + factor * d or tiny)
            c = 1 + factor / c or tiny
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value
