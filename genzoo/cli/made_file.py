"""`--open`: show the file that a command made with the viewer of the system."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from genzoo.system.streams import tell


def add_open(parser: argparse.ArgumentParser, what: str = "the file") -> None:
    """Add `--open`."""
    parser.add_argument("--open", action="store_true", help=f"open {what} with your system's viewer")


def print_file(path: Path, options: argparse.Namespace) -> None:
    """Print the path of a file that was made, and open it under `--open`."""
    print(path)
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
