"""Options that name another run."""

from __future__ import annotations

from typing import Annotated

import pytest

import genzoo
from genzoo.core.run_reference import PinnedRun, parse_pinned, run_references

DIGEST = "0123456789abcdef" * 4


@genzoo.config
class Config:
    on: Annotated[str, genzoo.RunRef] = ""
    teacher: Annotated[str, genzoo.RunRef] = ""
    path: str = "/somewhere"
    width: genzoo.Count = 3


def test_the_marked_options_that_are_set_are_found() -> None:
    assert run_references(Config()) == {}
    assert run_references(Config(teacher="@last")) == {"teacher": "@last"}


@pytest.mark.parametrize("path", ["/runs/one", "/runs/with @sha256: in it", "/runs/a\nb"])
def test_a_pinned_reference_is_read_as_it_was_written(path: str) -> None:
    pinned = PinnedRun(path, DIGEST)
    assert parse_pinned(str(pinned)) == pinned


@pytest.mark.parametrize(
    "value",
    ["", "@last", "/runs/one", f"runs/one@sha256:{DIGEST}", f"/runs/one@sha256:{DIGEST[1:]}", DIGEST, 3, None],
)
def test_anything_else_is_not_pinned(value: object) -> None:
    assert parse_pinned(value) is None
