"""95 % intervals of shares and other figures between 0 and 1."""

from __future__ import annotations

import math

NORMAL_QUANTILE = 1.959964
"""Φ⁻¹(0.975)"""


def wilson(share: float, n: float) -> tuple[float, float]:
    """The score interval of a share of n independent examples (Wilson 1927): never outside [0, 1], and never a point.

    Args:
        share: Observed, in [0, 1].
        n: How many; of a figure that is no share, how many would give its variance (see `effective_number`).
    """
    square = NORMAL_QUANTILE**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = NORMAL_QUANTILE / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def effective_number(share: float, variance: float, otherwise: float) -> float:
    """Of how many independent examples a share has this variance; `otherwise` where that says nothing."""
    return share * (1 - share) / variance if variance > 0 and 0 < share < 1 else otherwise
