"""What a check is: a function that raises AssertionError with one line that names the fault, and how to mend that."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

EvaluationContext = TypeVar("EvaluationContext")


def require(condition: bool, fault: str) -> None:
    """Raises AssertionError with `fault` unless the condition holds, under `python -O` too."""
    if not condition:
        raise AssertionError(fault)


@dataclass(frozen=True)
class Check(Generic[EvaluationContext]):
    """Something that everything that a plugin registers must do; call it with the context."""

    run: Callable[[EvaluationContext], str | None]
    """Raises AssertionError at a fault; returns the reason where the check does not apply to the context."""
    suggestion: str
    """What to change, in most cases."""
    warns: bool = False
    """Whether the fault is a matter of taste or may be meant."""

    def __call__(self, context: EvaluationContext) -> str | None:
        return self.run(context)

    @property
    def expected(self) -> str:
        """What must hold: the first sentences of the function's documentation."""
        return " ".join((inspect.getdoc(self.run) or "").split("\n\n")[0].split())
