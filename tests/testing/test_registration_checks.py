"""The checks of a registration find the faults of its texts and options."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import genzoo
from genzoo.registry.current import HERE, Entry, registry
from genzoo.testing.registration_checks import REGISTRATION


class Mine(genzoo.Loss):
    @genzoo.config
    class Config:
        epochs: int = 3


@pytest.mark.parametrize(
    ("check", "changes", "fault"),
    [
        ("summary", {"summary": ""}, "the summary is empty"),
        ("summary", {"summary": "x" * 101}, "the summary is 101 characters long"),
        ("help", {}, "no help for --epochs"),
    ],
)
def test_a_fault_is_found(check: str, changes: dict[str, Any], fault: str) -> None:
    entry = Entry("loss", "mine", Mine, changes.get("summary", "made for a test"), HERE)
    with pytest.raises(AssertionError, match=fault):
        REGISTRATION[check](entry)


@pytest.mark.parametrize("check", sorted(set(REGISTRATION) - {"light"}))
def test_a_builtin_model_passes(check: str) -> None:
    assert REGISTRATION[check](registry().get("model", "vae")) is None


def test_a_class_of_a_notebook_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys.modules[__name__], "__file__")
    REGISTRATION["current"](Entry("loss", "mine", Mine, "made for a test", HERE))
