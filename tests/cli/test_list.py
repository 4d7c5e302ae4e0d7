"""`genzoo list`."""

from __future__ import annotations

import json

from commandline import genzoo

import genzoo as package
from genzoo.cli.list import HEADINGS
from genzoo.registry.current import registry


def test_list_shows_every_entry_once() -> None:
    result = genzoo("list")
    rows = [line[12:].split()[0] for line in result.out.splitlines()]
    assert rows == [entry.name for kind in HEADINGS for entry in registry().matching(kind)]
    assert result.err == ""


def test_list_takes_a_pattern_and_a_kind() -> None:
    names = [line[12:].split()[0] for line in genzoo("list", "*vae*").out.splitlines()]
    assert names == [name for name in registry().names("model") if "vae" in name]
    assert {"beta-vae", "conv-vae", "vae"} <= set(names)
    heading, *others = genzoo("list", "--kind", "loss").out.splitlines()
    assert heading.split()[:2] == ["LOSSES", "adversarial"]
    assert [line.split()[0] for line in others] == list(registry().names("loss")[1:])


def test_list_as_json() -> None:
    rows = json.loads(genzoo("list", "--json").out)
    assert len(rows) == len(registry().entries)
    assert {"kind", "name", "summary", "paper", "origin"} == set(rows[0])
    (row,) = json.loads(genzoo("list", "beta-v*", "--json", "--kind", "model").out)
    assert (row["name"], row["origin"]) == ("beta-vae", f"genzoo {package.__version__}")
    assert json.loads(genzoo("list", "nothing-such", "--json").out) == []
