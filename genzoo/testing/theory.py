"""Run the theory of a registered name: the cases that its function yields, and what they prove."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch

from genzoo.core.errors import GenzooError
from genzoo.core.noise import seeded
from genzoo.core.theory import Case, Theory
from genzoo.registry.discovery import debugging
from genzoo.registry.entries import Entry, describe
from genzoo.system.progress import working
from genzoo.testing.check import place_of
from genzoo.testing.known_density import gaps

Verdict = Literal["proved", "bounded", "refuted", "broken", "unproved"]
VERDICTS: dict[Verdict, str] = {
    "proved": "every case holds, and at least one is an equality",
    "bounded": "every case holds, and all are inequalities",
    "refuted": "a case does not hold",
    "broken": "the theory cannot be run",
    "unproved": "no theory is registered",
}
"""What the theory of a name can show."""


@dataclass(frozen=True)
class Proof:
    """The result of running the theory of a registered name."""

    entry: Entry
    cases: list[Case] = field(default_factory=list)
    fault: str = ""
    """Why the theory cannot be run, on one line."""
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """What the cases show."""
        if self.fault:
            return "broken"
        if not self.cases:
            return "unproved"
        if not all(case.holds for case in self.cases):
            return "refuted"
        return "bounded" if all(case.one_sided for case in self.cases) else "proved"

    @property
    def refuted(self) -> list[Case]:
        """The cases that do not hold."""
        return [case for case in self.cases if not case.holds]


def prove(entry: Entry, on: Sequence[Entry] = ()) -> Proof:
    """Run the theory of an entry with seed 0. An error of its function is the proof's fault.

    Args:
        entry: What is registered.
        on: Datasets of known density, on each of which a model is trained for some seconds: see `gaps`.
    """
    start, fault = time.perf_counter(), ""
    cases: list[Case] = []
    working(f"{entry.kind} {entry.name}")
    try:
        with contextlib.redirect_stdout(sys.stderr), torch.enable_grad(), seeded(0):
            if entry.theory:
                _collect(_loaded(entry)(), cases)
            for dataset in on if entry.kind == "model" else ():
                working(f"{entry.kind} {entry.name}, trained on {dataset.name}")
                cases += gaps(entry, dataset)
    except GenzooError as error:
        fault = error.message
    except (Exception, SystemExit) as error:
        if debugging():
            sys.excepthook(type(error), error, error.__traceback__)
        fault = f"{describe(error)}, at {place_of(error)}"
    return Proof(entry, cases, fault and f"{entry.theory_name}: {fault}", time.perf_counter() - start)


def _loaded(entry: Entry) -> Theory:
    """Return the function of an entry's theory.

    Raises:
        GenzooError: It cannot be imported.
    """
    try:
        return entry.load_theory()
    except Exception as error:
        raise GenzooError(describe(error)) from error


def _collect(found: Iterable[Case], cases: list[Case]) -> None:
    """Append what a theory function returned to `cases`.

    Raises:
        GenzooError: It is not an iterable of cases with numbers and finite tolerances, or is empty.
    """
    if not isinstance(found, Iterable):
        raise GenzooError(f"returns {type(found).__name__}, not Cases: write `yield genzoo.Case(…)`")
    for case in found:
        if not isinstance(case, Case):
            raise GenzooError(f"yields {type(case).__name__}, not genzoo.Case")
        number, truth, tolerance = map(float, case[1:4])
        if not (math.isfinite(tolerance) and tolerance >= 0):
            raise GenzooError(f"{case.what!r}: the tolerance is {tolerance}, which is no finite number from 0 on")
        cases.append(Case(case.what, number, truth, tolerance, case.one_sided))
    if not cases:
        raise GenzooError("yields no Case")


def statement(case: Case) -> str:
    """Return a case as text, such as "0.572069 = 0.572069 ± 1e-06"; ≥ for a one-sided case."""
    holds, fails = ("≥", "<") if case.one_sided else ("=", "≠")
    return f"{case.found:.7g} {holds if case.holds else fails} {case.truth:.7g} ± {case.tolerance:.1g}"
