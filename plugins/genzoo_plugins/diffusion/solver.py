"""Solvers of ordinary differential equations with steps of equal size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

Solver = Literal["euler", "midpoint"]
Rate = Callable[[Tensor, float], Tensor]


def integrate(rate: Rate, x: Tensor, start: float, end: float, steps: int, solver: Solver = "midpoint") -> Tensor:
    """Return x(end) of dx/dt = rate(x, t) with x(start) = x.

    The error is of order 1 in the step size for Euler's method and of order 2 for the midpoint method, which evaluates
    the rate twice a step.
    """
    h = (end - start) / steps
    for step in range(steps):
        t = start + step * h
        if solver == "euler":
            x = x + h * rate(x, t)
        else:
            middle = x + h / 2 * rate(x, t)
            x = x + h * rate(middle, t + h / 2)
    return x
