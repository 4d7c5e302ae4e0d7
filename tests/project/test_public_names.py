"""The public names: one list, which changes only on purpose, with documentation for every name."""

from __future__ import annotations

import inspect
import re
import sys
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import public_names

import genzoo

LIST = Path(__file__).parents[1] / "helpers/public_names.txt"
PUBLIC = list(public_names.public())


def test_no_public_name_changes_silently() -> None:
    now, before = public_names.listing().splitlines(), LIST.read_text().splitlines()
    gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    assert not gone + new, (
        f"gone: {gone}; new: {new}. If that is meant: python tests/helpers/public_names.py > {LIST}, "
        "a line in CHANGELOG.md, and genzoo.core.hookspecs.API is raised where a plugin written before would break"
    )
    assert now == before


def homes(name: str) -> list[Any]:
    """Return the classes that define a member, nearest first; for any other name, its module."""
    owner = name.rpartition(".")[0]
    found = dict(PUBLIC).get(owner)
    return [base for base in found.__mro__ if base.__module__.startswith("genzoo")] if found else [sys.modules[owner]]


def is_called(value: Any) -> bool:
    return isinstance(value, (property, cached_property, classmethod, type)) or inspect.isfunction(value)


CALLED = {name: value for name, value in PUBLIC if is_called(value)}


def documentation(name: str) -> str:
    """Return the text of what can be called. A method that overrides another one may inherit it."""
    value, member = CALLED[name], name.rpartition(".")[2]
    texts = [inspect.getdoc(value)] + [
        inspect.getdoc(vars(home)[member]) for home in homes(name) if member in vars(home)
    ]
    text = next(filter(None, texts), "")
    return text + inspect.getsource(value) if text and isinstance(value, type) else text  # fields have texts below them


def test_callables_document_behaviour_and_shapes() -> None:
    texts = {name: documentation(name) for name in CALLED}
    assert [name for name, text in texts.items() if not text] == []
    of_tensors = [name for name, value in CALLED.items() if "Tensor" in public_names.signature(value)]
    assert len(of_tensors) > 50
    assert [name for name in of_tensors if "[" not in texts[name] and "shape" not in texts[name]] == []


def test_a_constant_has_a_text_below_it() -> None:
    constants = [name for name, _ in PUBLIC if name not in CALLED]
    assert len(constants) > 50
    assert [name for name in constants if not has_text_below(name)] == []


@cache
def all_sources() -> list[str]:
    return [path.read_text() for path in Path(genzoo.__file__).parent.rglob("*.py")]


def has_text_below(name: str) -> bool:
    member = name.rpartition(".")[2]
    sources = [inspect.getsource(home) for home in homes(name)]
    if name.rpartition(".")[0] in ("genzoo", "genzoo.testing"):  # which re-export it
        sources = all_sources()
    lines = r'[^\n]*(\n[^"\n]*)*?'  # a few constants may share the text below the last
    below = rf'(?m)^[ ]*{member}\b[^\n]* = ({lines}|.*[\[{{](\n .*)*\n[\]}}])\n\s*"""'
    return any(re.search(below, source) for source in sources)
