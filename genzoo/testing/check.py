"""A check: a function that raises AssertionError with one line that describes the fault, and how to fix it."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch

Target = TypeVar("Target")
"""What a check examines, such as a `Pair`."""


HOMES = (Path(__file__).parents[1], Path(torch.__file__).parent)
"""The folders of genzoo and of torch."""


def place_of(error: BaseException) -> str:
    """Return the last line of an error's traceback that is neither genzoo's nor torch's; else the last line."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not any(Path(frame.filename).is_relative_to(home) for home in HOMES)]
    last = (own or frames)[-1]
    return f"{'/'.join(Path(last.filename).parts[-2:])}:{last.lineno}"


def require(condition: bool, fault: str) -> None:
    """Raise AssertionError with `fault` unless the condition holds, also under `python -O`."""
    if not condition:
        raise AssertionError(fault)


@dataclass(frozen=True)
class Check(Generic[Target]):
    """A check of registered plugins; call it with the target to examine."""

    run: Callable[[Target], str | None]
    """Raises AssertionError for a fault; returns a reason if the check does not apply to the target."""
    suggestion: str
    """What to change in most cases."""
    warns: bool = False
    """Whether a fault is a warning, because it may be intended."""

    def __call__(self, target: Target) -> str | None:
        return self.run(target)

    @property
    def expected(self) -> str:
        """What must hold: the first paragraph of the function's docstring."""
        return " ".join((inspect.getdoc(self.run) or "").split("\n\n")[0].split())
