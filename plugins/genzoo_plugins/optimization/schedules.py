"""Learning-rate schedules."""

from __future__ import annotations

import math

import genzoo


class Constant(genzoo.Schedule):
    """The same rate in every step."""

    def factor(self, step: int, total: int) -> float:
        return 1.0


class Cosine(genzoo.Schedule):
    """Half a period of a cosine, from 1 down to a floor (Loshchilov & Hutter 2017, eq. 5, without restarts).

    Args:
        floor: The factor at the end and beyond.
    """

    symbol = "the rate at the end, relative to --lr"
    default = 0.0

    def __init__(self, floor: float = 0.0) -> None:
        self.floor = floor

    def factor(self, step: int, total: int) -> float:
        fall = 0.5 * (1 + math.cos(math.pi * min(step / total, 1.0)))
        return self.floor + (1 - self.floor) * fall


class Linear(Cosine):
    """A straight line from 1 down to a floor."""

    def factor(self, step: int, total: int) -> float:
        return self.floor + (1 - self.floor) * (1 - min(step / total, 1.0))
