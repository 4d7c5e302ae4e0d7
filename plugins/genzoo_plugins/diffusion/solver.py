"""Solvers of ordinary differential equations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

Solver = Literal["euler", "midpoint", "heun"]
Rate = Callable[[Tensor, float], Tensor]


def advance(rate: Rate, x: Tensor, t: float, h: float, solver: Solver) -> Tensor:
    """Return x(t + h) of dx/dt = rate(x, t) with x(t) = x, by one step.

    The error of many steps is of order 1 in their size for Euler's method. It is of order 2 for the midpoint method and
    for Heun's, which evaluate the rate twice a step.
    """
    slope = rate(x, t)
    if solver == "euler":
        return x + h * slope
    if solver == "midpoint":
        middle = x + h / 2 * slope
        return x + h * rate(middle, t + h / 2)
    return x + h / 2 * (slope + rate(x + h * slope, t + h))


def integrate(rate: Rate, x: Tensor, start: float, end: float, steps: int, solver: Solver = "midpoint") -> Tensor:
    """Return x(end) of dx/dt = rate(x, t) with x(start) = x, by steps of equal size."""
    h = (end - start) / steps
    for step in range(steps):
        x = advance(rate, x, start + step * h, h, solver)
    return x
