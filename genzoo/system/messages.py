"""Warnings on standard error, what `-v` shows, and which process reports errors of several that run one command."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from genzoo.system.streams import tell

_silent = False
"""Whether another process reports the errors of this one."""


def set_silent(silent: bool) -> None:
    """Set whether another process reports the errors of this one."""
    global _silent
    _silent = silent


@contextmanager
def reporting() -> Iterator[None]:
    """Let a command report its own errors, whatever ran before it in this process; restore the state afterwards."""
    before = _silent
    set_silent(False)
    try:
        yield
    finally:
        set_silent(before)


def reports_errors(trains: bool = True) -> bool:
    """Return whether this process reports its errors and warnings: unless another process does so in its place.

    RANK and WORLD_SIZE alone are not enough: a cluster may set them, or they are left over in a shell. Before the
    processes of a training are connected, only torchrun's own variable shows that all of them run the same command.

    Args:
        trains: Whether several processes share this command.
    """
    if _silent:
        return False
    together = trains and "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"
    return not together or os.environ.get("RANK", "0") == "0"


def warn(message: str, hint: str) -> None:
    """Print one line of warning on standard error, in the process that reports errors."""
    if reports_errors():
        tell(f"genzoo: {message} ({hint})")


def detail(text: str) -> None:
    """Log a line that `-v` shows, with Python's logger "genzoo"."""
    import logging  # 10 ms, which a quick command need not wait for

    logging.getLogger("genzoo").info(text)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Log how long the context took; for `-vv` also that it begins."""
    import logging

    logging.getLogger("genzoo").debug("%s …", name)
    start = time.perf_counter()
    yield
    detail(f"{name}: {time.perf_counter() - start:.2f} s")
