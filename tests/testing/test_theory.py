"""What a theory shows, and theories that cannot be run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import genzoo
from genzoo.core.command import Command
from genzoo.registry.entries import Entry, Origin
from genzoo.testing.registration_checks import check_theory
from genzoo.testing.theory import Verdict, prove, statement

EQUAL = genzoo.Case("a", 1.0, 1.0, 1e-6)
BOUND = genzoo.Case("b", 2.0, 1.0, 1e-6, one_sided=True)
WRONG = genzoo.Case("c", 1.0, 1.1, 1e-6)
BELOW = genzoo.Case("d", 0.9, 1.0, 1e-6, one_sided=True)


def entry(theory: Any) -> Entry:
    return Entry("command", "mine", Command, "x", Origin("here", "", "here"), theory=theory)


@pytest.mark.parametrize(
    ("cases", "verdict"),
    [
        ([EQUAL], "proved"),
        ([EQUAL, BOUND], "proved"),
        ([BOUND, BOUND], "bounded"),
        ([EQUAL, WRONG], "refuted"),
        ([BELOW], "refuted"),
    ],
)
def test_the_cases_decide(cases: list[genzoo.Case], verdict: Verdict) -> None:
    proof = prove(entry(lambda: cases))
    assert (proof.verdict, proof.cases) == (verdict, cases)
    assert prove(entry("")).verdict == "unproved"


def raising() -> Any:
    yield EQUAL
    raise ValueError("no such thing")


def exiting() -> Any:
    yield EQUAL
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("theory", "fault"),
    [
        ("no_such.module:it", "no_such.module:it: ModuleNotFoundError: No module named 'no_such'"),
        ("math:it", "math:it: AttributeError: module 'math' has no attribute 'it'"),
        ("math:pi", "math:pi: TypeError: 'float' object is not callable"),
        (raising, "raising: ValueError: no such thing, at testing/test_theory.py:"),
        (exiting, "exiting: SystemExit: 3"),
        (lambda: None, "<lambda>: returns NoneType, not Cases"),
        (list, "builtins:list: yields no Case"),
        (lambda: [(1, 2)], "<lambda>: yields tuple, not genzoo.Case"),
        (lambda: [EQUAL._replace(tolerance=float("nan"))], "'a': the tolerance is nan"),
        (lambda: [EQUAL._replace(tolerance=-1.0)], "'a': the tolerance is -1.0"),
        (lambda: [EQUAL._replace(found="x")], "ValueError: could not convert string to float"),
    ],
)
def test_a_theory_that_cannot_be_run_is_one_line(theory: str | Callable[[], Any], fault: str) -> None:
    proof = prove(entry(theory))
    assert proof.verdict == "broken"
    assert fault in proof.fault
    assert "\n" not in proof.fault
    with pytest.raises(AssertionError) as caught:
        check_theory(entry(theory))
    assert str(caught.value) == proof.fault


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_never_holds(value: float) -> None:
    for one_sided in (False, True):
        assert not genzoo.Case("x", value, 1.0, 1.0, one_sided).holds
        assert not genzoo.Case("x", 1.0, value, 1.0, one_sided).holds
    assert not genzoo.Case("x", value, value, 1.0).holds


def test_it_is_run_with_seed_0_and_leaves_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    def random() -> Any:
        print("noise")
        assert torch.is_grad_enabled()
        yield genzoo.Case("x", torch.rand(()).item(), 0.0, 1.0)

    before = torch.get_rng_state()
    with torch.no_grad():
        one, other = prove(entry(random)), prove(entry(random))
    assert one.cases == other.cases
    assert torch.equal(torch.get_rng_state(), before)
    assert capsys.readouterr().out == ""


def test_the_check_names_what_does_not_hold() -> None:
    assert check_theory(entry("")) == "no theory is registered"
    assert check_theory(entry(lambda: [EQUAL])) is None
    with pytest.raises(AssertionError, match=r"1 of 2 cases do not hold: c: 1 ≠ 1\.1 ± 1e-06"):
        check_theory(entry(lambda: [EQUAL, WRONG]))
    assert statement(BELOW) == "0.9 < 1 ± 1e-06"


def test_cases_of_tensors() -> None:
    largest = genzoo.Case.largest("x", torch.tensor([1.0, 2.5]), torch.tensor([1.0, 2.0]), 0.4)
    assert (largest.found, largest.truth, largest.holds) == (0.5, 0.0, False)
    values = torch.tensor([1.0, 3.0, 1.0, 3.0])
    mean = genzoo.Case.mean("x", values, 2.0)
    assert mean.found == 2.0
    assert mean.tolerance == pytest.approx(5 * values.std().item() / 2)


def test_theory_in_python_may_be_the_function_itself() -> None:
    genzoo.register_loss("mine", genzoo.Loss, theory=lambda: [EQUAL])
    from genzoo.registry.current import registry

    assert prove(registry().get("loss", "mine")).verdict == "proved"
    with pytest.raises(genzoo.PluginError, match=r"theory is .package\.module:function., not 'nowhere'"):
        genzoo.register_loss("mine", genzoo.Loss, theory="nowhere")
