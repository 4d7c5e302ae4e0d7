"""`genzoo check` finds faults that no run shows, by a check that says which; and it finds none in the sound model."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from subtle import MODEL, PARAMETERS, SUBTLE, Subtle

from genzoo.registry.current import HERE, Entry, registry
from genzoo.testing import examine
from genzoo.testing.registration_checks import REGISTRATION

KL = "    def kl_per_dim(self, p):\n"


@pytest.fixture
def made() -> Iterator[Any]:
    """Makes a model and its loss of a source and examines the pair."""

    def examined(source: str, only: tuple[str, ...] = ()) -> list[Any]:
        module = types.ModuleType("subtle_model")
        sys.modules[module.__name__] = module
        exec(compile(source, "subtle_model.py", "exec"), module.__dict__)
        model = Entry("model", "mine", module.Mine, "made for a test", HERE, loss="mine")
        for entry in (Entry("loss", "mine", module.Bound, "made for a test", HERE), model):
            registry().replace(entry)
        findings = examine(model, only=only)
        return [f for f in findings if f.verdict in ("FAIL", "WARN") and f.check not in REGISTRATION]

    yield examined
    sys.modules.pop("subtle_model", None)


def planted(fault: Subtle) -> str:
    """The source with a fault in it."""
    assert fault.old in MODEL, "the fault is not planted"
    source = MODEL.replace(fault.old, fault.new, 1)
    for prior in ("Warped", "Mixture"):
        if f"class {prior}(" in fault.new:
            source = source.replace("return Gauss(self.prior_mean", f"return {prior}(self.prior_mean")
            source = source.replace(KL, f"{KL}        if type(p) is not Gauss:\n            return None\n", 1)
    return source.replace(*PARAMETERS) if "Mixture(" in source else source


@pytest.mark.long
def test_the_sound_model_has_no_fault(made: Any) -> None:
    assert made(MODEL) == []


SLOW = ("constant left out", "control flow that depends on the data")
"""Faults whose checks take more than a second; test_runner.py plants others that they find."""


def is_quick(fault: Subtle) -> bool:
    """Whether no fault before it is found by the same checks."""
    return fault.name not in SLOW and next(other for other in SUBTLE if other.checks == fault.checks) is fault


@pytest.mark.every(2)
@pytest.mark.parametrize(
    "fault",
    [pytest.param(it, id=it.name, marks=[] if is_quick(it) else pytest.mark.long) for it in SUBTLE],
)
def test_a_subtle_fault_is_found(fault: Subtle, made: Any) -> None:
    said = made(planted(fault), fault.checks)
    assert {finding.check for finding in said} & set(fault.checks)
    for finding in said:
        assert finding.expected
        assert finding.suggestion
        assert finding.found
