"""Checks of a registered launcher. Nothing is started: that would take the machines it starts on."""

from __future__ import annotations

import inspect

from genzoo.core.launcher import Launcher
from genzoo.registry.entries import Entry
from genzoo.testing.check import Check, require


def check_launcher(entry: Entry) -> None:
    """The class is a genzoo.Launcher that defines start(command, n)."""
    launcher = entry.load()
    require(issubclass(launcher, Launcher), f"{launcher.__name__} is not a genzoo.Launcher")
    require(launcher.start is not Launcher.start, f"{launcher.__name__} does not define start(command, n)")
    names = [*inspect.signature(launcher.start).parameters][1:]
    require(names == ["command", "n"], f"start takes {', '.join(names)}, not command, n")


LAUNCHER: dict[str, Check[Entry]] = {
    "launcher": Check(check_launcher, "class Mine(genzoo.Launcher): def start(self, command, n): …"),
}
"""The checks of every launcher."""
