"""Theory cases: numbers that a registered name must reproduce, known in closed form or by enumeration.

A registration names a function that yields them, `theory="package.theory:maf"`; `genzoo prove NAME` runs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Self, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor


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

    @classmethod
    def largest(cls, what: str, found: Tensor, truth: Tensor | float, tolerance: float) -> Self:
        """Return the case that the largest |found − truth| of all values of two tensors of one shape is 0."""
        return cls(f"{what}: largest error", (found - truth).abs().max().item(), 0.0, tolerance)

    @classmethod
    def mean(cls, what: str, values: Tensor, truth: float, one_sided: bool = False, errors: float = 5.0) -> Self:
        """Return the case that the mean of independent values [N] is `truth`, within `errors` standard errors."""
        error = values.double().std().item() / math.sqrt(len(values))
        return cls(what, values.double().mean().item(), truth, errors * error, one_sided)


Theory: TypeAlias = Callable[[], Iterable[Case]]
"""A function that yields the cases of a registered name, in less than 5 seconds."""
