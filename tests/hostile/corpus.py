"""Hostile files and names, as recipes: each makes its files in an empty folder and says the command that meets them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where a case lies: an empty folder, which is the current one."""

    here: Path
    good: Path
    """A run that is whole, on points."""
    outside: Path
    """A folder that nothing may be written to."""

    def run(self) -> Path:
        """A copy of the good run."""
        shutil.copytree(self.good, self.here / "run")
        return self.here / "run"

    @property
    def canary(self) -> Path:
        """What only code in a file could make."""
        return self.outside / "canary"


Words = list[Any]
Recipe = Callable[[Place], Words | Callable[[], object]]
CASES: dict[str, Recipe] = {}


def case(name: str) -> Callable[[Recipe], Recipe]:
    def add(recipe: Recipe) -> Recipe:
        assert name not in CASES, name
        CASES[name] = recipe
        return recipe

    return add
