"""The theory of every registered name of genzoo holds, and every name that has a formula has a theory."""

from __future__ import annotations

import time

import pytest

from genzoo.cli.info import oracle
from genzoo.registry.current import registry
from genzoo.registry.entries import Entry
from genzoo.testing.theory import prove, statement

SECONDS = 5.0
"""Of one core, whatever else the machine does."""
WITH_THEORY = ("model", "loss", "likelihood", "prior", "posterior", "bijection")
"""The kinds whose names have a formula, each of which is proved."""
WITHOUT: dict[str, str] = {}
"""Names of these kinds without theory, and why."""


def functions() -> dict[str, Entry]:
    """Return the first entry of each theory function: a model and its loss often share one."""
    found: dict[str, Entry] = {}
    for entry in registry().entries:
        if entry.theory:
            found.setdefault(entry.theory_name, entry)
    return dict(sorted(found.items()))


@pytest.mark.parametrize("function", functions())
def test_theory(function: str) -> None:
    start = time.process_time()
    proof = prove(functions()[function])
    seconds = time.process_time() - start
    assert not proof.fault
    assert not [f"{case.what}: {statement(case)}" for case in proof.refuted]
    assert seconds < SECONDS


@pytest.mark.parametrize("function", functions())
def test_a_theory_says_what_numbers_are_held_against(function: str) -> None:
    """`genzoo info` shows the beginning of its function's docstring."""
    text = oracle(functions()[function])
    assert text
    assert text.split()[0] not in ("Yield", "Return")


def test_every_name_with_a_formula_has_a_theory() -> None:
    without = {entry.name for kind in WITH_THEORY for entry in registry().matching(kind) if not entry.theory}
    assert without == set(WITHOUT)
