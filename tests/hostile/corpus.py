"""Hostile files and names, as recipes: each makes files in an empty folder and returns the command that reads them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """The place of a case: an empty folder, which is the current one."""

    here: Path
    good: Path
    """An intact run on points."""
    outside: Path
    """A folder that must stay unchanged."""

    def run(self) -> Path:
        """Return a copy of the intact run."""
        shutil.copytree(self.good, self.here / "run")
        return self.here / "run"

    @property
    def canary(self) -> Path:
        """A file that only code hidden in a file could create."""
        return self.outside / "canary"


Words = list[Any]
Recipe = Callable[[Place], Words | Callable[[], object]]
CASES: dict[str, Recipe] = {}
EACH = 12
"""The quick suite has the first of so many cases that follow each other."""


def case(name: str) -> Callable[[Recipe], Recipe]:
    def add(recipe: Recipe) -> Recipe:
        assert name not in CASES, name
        CASES[name] = recipe
        return recipe

    return add
