"""Theory cases: numbers that a registered name must reproduce, known in closed form or by enumeration.

A registration names a function that yields them, `theory="package.theory:maf"`; `genzoo prove NAME` runs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias


class Case(NamedTuple):
    """One number found by running a model, loss, metric or part, beside the truth."""

    what: str
    """What is compared, with its unit, such as "ln p(x) of a linear flow, nats"."""
    found: float
    truth: float
    tolerance: float
    """The largest allowed |found − truth|, in the same unit."""
    one_sided: bool = False
    """Whether `found` may also be larger than `truth`: a bound, or an NLL on data of known entropy."""

    @property
    def holds(self) -> bool:
        """Whether the number found agrees with the truth. A value that is not finite never does."""
        if not all(map(math.isfinite, self[1:4])):
            return False
        if self.one_sided:
            return self.found >= self.truth - self.tolerance
        return abs(self.found - self.truth) <= self.tolerance


Theory: TypeAlias = Callable[[], Iterable[Case]]
"""A function that yields the cases of a registered name, in less than 5 seconds."""
