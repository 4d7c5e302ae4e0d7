"""95 % intervals of proportions and of other metrics between 0 and 1."""

from __future__ import annotations

import math

NORMAL_QUANTILE = 1.959964
"""Φ⁻¹(0.975)"""


def wilson(share: float, n: float) -> tuple[float, float]:
    """Return the score interval of a proportion (Wilson 1927): always within [0, 1] and of positive width.

    Args:
        share: The observed proportion, in [0, 1].
        n: Number of independent examples; for a metric that is not a proportion, its `effective_number`.
    """
    square = NORMAL_QUANTILE**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = NORMAL_QUANTILE / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def effective_number(share: float, variance: float, otherwise: float) -> float:
    """Return the number of independent examples of which a proportion has this variance.

    `otherwise` is returned if the variance is 0 or the proportion is 0 or 1.
    """
    return share * (1 - share) / variance if variance > 0 and 0 < share < 1 else otherwise
