"""The check of launchers finds its faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import genzoo
from genzoo.registry.current import HERE, Entry
from genzoo.testing.launcher_checks import LAUNCHER


class Fine(genzoo.Launcher):
    def start(self, command: Sequence[str], n: int) -> list[str]:
        return ["1"] * n


class Idle(genzoo.Launcher):
    """A launcher without start."""


class Other(genzoo.Launcher):
    def start(self, words: Sequence[str]) -> list[str]:  # type: ignore[override]
        return []


class NoLauncher:
    """Something else."""


def check(launcher: type[Any]) -> None:
    LAUNCHER["launcher"](Entry("launcher", "mine", launcher, "made for a test", HERE))


def test_a_fault_of_a_launcher_is_found() -> None:
    check(Fine)
    for launcher, fault in (
        (NoLauncher, "NoLauncher is not a genzoo.Launcher"),
        (Idle, "Idle does not define start"),
        (Other, "start takes words, not command, n"),
    ):
        with pytest.raises(AssertionError, match=fault):
            check(launcher)
