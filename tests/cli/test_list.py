"""`genzoo list`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from commandline import genzoo

import genzoo as package
from genzoo.cli.info import badge
from genzoo.cli.list import FORMULAS, HEADINGS, LINES, MEANINGS, overview
from genzoo.core.version import __version__
from genzoo.registry.answer_cache import recalled, remember
from genzoo.registry.current import registry
from genzoo.registry.entries import KINDS, Entry, Kind, Origin

WIDTH = 80


def test_the_overview_has_every_model_once_on_one_screen() -> None:
    result = genzoo("list")
    lines = result.out.splitlines()
    assert len(lines) <= LINES == 42
    assert max(map(len, lines)) <= WIDTH
    models = lines[1 : lines.index(next(line for line in lines if line.startswith("DATASETS")))]
    shown = [name.rstrip("°≥!") for line in models for name in line[18:].split()]
    assert sorted(shown) == sorted(registry().names("model"))
    assert all(any(line.startswith(heading) for line in lines) for kind, heading in HEADINGS.items()
               if registry().matching(kind))  # fmt: skip
    assert result.err == ""


def many(kind: Kind, count: int) -> Iterator[Entry]:
    for number in range(count):
        name = f"{'some-long-name' if number % 2 else 'short'}-{number}"
        origin = Origin("genzoo", "1", f"family-{number % 12}")
        yield Entry(kind, name, "a:B", "x", origin, theory="a:b" if number % 5 else "")


def test_it_stays_on_one_screen_with_more_models_losses_and_parts() -> None:
    found: dict[Kind, list[Entry]] = {kind: list(many(kind, 14)) for kind in HEADINGS}
    found |= {"model": list(many("model", 45)), "metric": list(many("metric", 60)), "loss": list(many("loss", 30))}
    lines = overview(found, {}, WIDTH)
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    assert all(f" {entry.name}" in " ".join(lines) for entry in found["model"])
    (left,) = (line for line in lines if line.endswith("more: genzoo list --kind metric"))
    at = lines.index(left)
    shown = " ".join(
        line[18:] for line in lines[lines.index(next(x for x in lines if x[:7] == "METRICS")) : at]
    ).split()
    assert len(shown) + int(left.split()[-6]) == 60
    unproved = sum(not entry.theory for kind in FORMULAS for entry in found[kind])
    assert lines[-2].endswith(f" with theory, not yet run; {unproved} unproved°")


def test_names_are_marked_by_what_their_theory_shows() -> None:
    mine = Entry("model", "mine", "a:B", "x", Origin("genzoo", "1", "own"), theory="a:b")
    assert badge(mine, {}) == "theory"
    for verdict, mark in (("proved", ""), ("bounded", "≥"), ("refuted", "!"), ("broken", "!")):
        lines = overview({"model": [mine]}, {"model genzoo/mine": verdict}, WIDTH)
        assert lines[1].split() == ["own", f"mine{mark}"]
        assert f"1 {verdict}" in lines[-2]
    assert FORMULAS[:2] == ("model", "loss")


def test_what_was_proved_is_remembered_for_the_code_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genzoo.registry.answer_cache.broken", set())  # which other tests fill
    monkeypatch.setattr("genzoo.registry.answer_cache._sources", dict)  # some of theirs are gone
    before = recalled("verdicts")
    remember("verdicts", {"prior genzoo/flow": "bounded"})
    try:
        (row,) = json.loads(genzoo("list", "flow", "--kind", "prior", "--json").out)["entries"]
        assert row["theory"] == "bounded"
        monkeypatch.setattr("genzoo.registry.answer_cache.__version__", "another")
        (row,) = json.loads(genzoo("list", "flow", "--kind", "prior", "--json").out)["entries"]
        assert row["theory"] == "theory"
    finally:
        monkeypatch.setattr("genzoo.registry.answer_cache.__version__", __version__)
        remember("verdicts", before)


def test_a_pattern_or_a_kind_gives_one_line_each() -> None:
    names = [line[12:].split()[0] for line in genzoo("list", "*vae*").out.splitlines()]
    assert names == [name for name in registry().names("model") if "vae" in name]
    assert {"beta-vae", "conv-vae", "vae"} <= set(names)
    heading, *others = genzoo("list", "--kind", "loss").out.splitlines()
    assert heading.split()[:2] == ["LOSSES", "adversarial"]
    assert [line.split()[0] for line in others] == list(registry().names("loss")[1:])
    package.register_loss("mine", package.Loss, summary="my own")
    (line,) = genzoo("list", "mine").out.splitlines()
    assert line.split(maxsplit=3) == ["LOSSES", "mine", "unproved", "my own  (notebook)"]


def test_the_help_explains_every_kind() -> None:
    assert set(MEANINGS) == set(KINDS) == set(HEADINGS)
    lines = genzoo("list", "--help").out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    first = lines.index("kinds:") + 1
    assert [line.split()[0] for line in lines[first : first + len(KINDS)]] == list(MEANINGS)


def test_list_as_json() -> None:
    rows = json.loads(genzoo("list", "--json").out)["entries"]
    assert len(rows) == len(registry().entries)
    assert {"kind", "name", "summary", "paper", "origin", "theory"} == set(rows[0])
    (row,) = json.loads(genzoo("list", "beta-v*", "--json", "--kind", "model").out)["entries"]
    assert (row["name"], row["origin"]) == ("beta-vae", f"genzoo {package.__version__}")
    assert json.loads(genzoo("list", "nothing-such", "--json").out)["entries"] == []
