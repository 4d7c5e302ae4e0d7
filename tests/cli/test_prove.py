"""`genzoo prove`, and `genzoo check --theory`, which is the same for one name."""

from __future__ import annotations

import json

from commandline import genzoo, refused

import genzoo as package

EQUAL = package.Case("the area of a circle", 3.14, 3.14159, 0.01)


def register(*cases: package.Case, name: str = "mine") -> None:
    package.register_loss(name, package.Loss, theory=lambda: iter(cases))


def test_it_prints_each_case_and_says_what_they_show() -> None:
    register(EQUAL)
    register(package.Case("a bound", 1.0, 2.0, 0.1, one_sided=True), name="mine-too")
    found = genzoo("prove", "mine*")
    lines = found.out.splitlines()
    assert lines[0].startswith("loss mine: proved, 1 case, ")
    assert lines[1] == "  ok           3.14 = 3.14159      ± 0.01     the area of a circle"
    assert lines[2].startswith("loss mine-too: refuted, 1 case, ")
    assert lines[3] == "  FAIL            1 ≥ 2            ± 0.1      a bound"
    assert lines[4:] == ["1 proved, 1 refuted"]
    assert found.code == 1
    assert genzoo("prove", "mine").code == genzoo("check", "mine", "--theory").code == 0
    assert genzoo("check", "mine", "--theory").out.splitlines()[1] == lines[1]


def test_names_without_theory_are_listed_and_are_no_fault() -> None:
    found = genzoo("prove", "tensorboard", "spirals")
    unproved = ["dataset, unproved: spirals", "listener, unproved: tensorboard"]
    assert found.out.splitlines() == ["nothing to prove", *unproved]
    assert found.code == 0


def test_as_json() -> None:
    register(EQUAL)
    (row,) = json.loads(genzoo("prove", "mine", "--json").out)["proofs"]
    assert (row["kind"], row["name"], row["verdict"], row["fault"]) == ("loss", "mine", "proved", "")
    assert row["cases"] == [{**EQUAL._asdict(), "holds": True}]
    (row,) = json.loads(genzoo("prove", "spirals", "--json").out)["proofs"]
    assert (row["verdict"], row["cases"]) == ("unproved", [])


def test_the_kind_chooses_and_unknown_names_are_refused() -> None:
    register(EQUAL, name="spirals")
    assert genzoo("prove", "spirals", "--kind", "dataset").out.startswith("nothing to prove")
    assert genzoo("prove", "spirals", "--kind", "loss").out.startswith("loss spirals: proved")
    assert refused(genzoo("prove", "realnpv")) == "nothing is named 'realnpv'. Did you mean 'realnvp'?"


def test_models_are_held_against_data_of_known_density() -> None:
    found = genzoo("prove", "ppca", "--on", "two-v*")
    assert found.code == 0
    (line,) = [line for line in found.out.splitlines() if "two-views" in line]
    assert line.startswith("  ok ")
    assert line.endswith("two-views: nll above that of the data, nats")
    assert refused(genzoo("prove", "ppca", "--on", "digits")) == "no data of known density are named 'digits'"
