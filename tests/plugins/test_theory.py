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


SLOW = {
    f"genzoo_plugins.{name}"
    for name in (
        "vae.theory:iaf_vae", "flows.theory_tarflow:tarflow", "flows.theory:spline_flow", "metrics.theory_ais:ais",
        "diffusion.theory:denoising", "hierarchical.theory:ladder_vae", "samplers.theory:maf", "energy.theory_rbm:pcd",
        "autoencoders.theory:sparse", "structured.theory_text:text_vae", "mmd.theory:wae", "energy.theory:ebm",
        "diffusion.theory:flow_matching", "structured.theory_tables:tvae", "vae.theory:gm_vae",
    )
}  # fmt: skip
"""Functions that take about a second or more: in the long suite. `genzoo prove NAME` runs each."""


def functions() -> dict[str, Entry]:
    """Return the first entry of each theory function: a model and its loss often share one."""
    found: dict[str, Entry] = {}
    for entry in registry().entries:
        if entry.theory:
            found.setdefault(entry.theory_name, entry)
    return dict(sorted(found.items()))


@pytest.mark.parametrize(
    "function", [pytest.param(name, marks=[pytest.mark.long] * (name in SLOW)) for name in functions()]
)
def test_theory(function: str) -> None:
    start = time.process_time()
    proof = prove(functions()[function])
    seconds = time.process_time() - start
    assert not proof.fault
    assert not [f"{case.what}: {statement(case)}" for case in proof.refuted]
    assert seconds < SECONDS


def test_a_theory_says_what_numbers_are_held_against() -> None:
    """`genzoo info` shows the beginning of its function's docstring."""
    texts = {name: oracle(entry) for name, entry in functions().items()}
    assert [name for name, text in texts.items() if not text or text.split()[0] in ("Yield", "Return")] == []


def test_the_slow_ones_are_known() -> None:
    assert functions().keys() >= SLOW


def test_every_name_with_a_formula_has_a_theory() -> None:
    without = {entry.name for kind in WITH_THEORY for entry in registry().matching(kind) if not entry.theory}
    assert without == set(WITHOUT)
