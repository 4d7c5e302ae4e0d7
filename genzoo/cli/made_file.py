"""The file that a command makes: the option that names it, and `--open`, which shows it with the system's viewer."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genzoo.system.streams import tell


class NamedFile(argparse.Action):
    """The file that a command is to write; `replaced` is its path if there is one of that name."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, value: Any, option: str | None = None) -> None:
        setattr(namespace, self.dest, value)
        namespace.replaced = value if value.is_file() else None


def add_file(parser: argparse.ArgumentParser, option: str, **more: Any) -> None:
    """Add an option that names the file to write."""
    parser.add_argument(option, action=NamedFile, type=Path, **more)


def tell_replaced(path: Path, options: argparse.Namespace) -> None:
    """Say that a file which the user named took the place of another one."""
    if getattr(options, "replaced", None) == path:
        tell(f"genzoo: replaced {path}, which was there already")


def add_open(parser: argparse.ArgumentParser, what: str = "the file") -> None:
    """Add `--open`."""
    parser.add_argument("--open", action="store_true", help=f"open {what} with your system's viewer")


def print_file(path: Path, options: argparse.Namespace) -> None:
    """Print the path of a file that was made, say if it replaced another one, and open it under `--open`."""
    print(path)
    tell_replaced(path, options)
    open_file(path, options)


def open_file(path: Path, options: argparse.Namespace) -> None:
    """Open a file under `--open`; without a display, say so in one line."""
    if not options.open:
        return
    import webbrowser

    sys.stdout.flush()  # a viewer may write to the same terminal
    if not (has_display() and webbrowser.open(path.absolute().as_uri())):
        tell(f"genzoo: --open: there is no display here; the file is {path}")


def tell_left_out(where: str, reasons: Mapping[str, str]) -> None:
    """Say in one line which rows a figure does not show; nothing if it shows all.

    Args:
        where: The figure.
        reasons: Why each row is left out, by its name.
    """
    groups: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        groups.setdefault(reason, []).append(name)
    if groups:
        tell(f"genzoo: not in {where}: " + "; ".join(f"{', '.join(names)} ({why})" for why, names in groups.items()))


def has_display() -> bool:
    """Return whether a viewer has somewhere to appear. $BROWSER is the user's own program, which may need none."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
