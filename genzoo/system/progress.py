"""What a command does now, as one line on standard error: in a terminal, after a second, and gone at the end."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from genzoo.core.errors import printable
from genzoo.core.text import duration
from genzoo.system.messages import reports_errors
from genzoo.system.streams import columns_of

PATIENCE, EVERY = 1.0, 0.25
"""Seconds until the line appears, and between two looks at what is done now."""
ERASE = "\r\x1b[K"


class Line:
    """The line, painted by a thread: the work only says what it does.

    Args:
        terminal: Where it is painted.
    """

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal
        self.text = ""
        self.shown = ""
        self.began = time.perf_counter()
        self.lock = threading.RLock()
        self.ended = threading.Event()
        self.painter: threading.Thread | None = None

    def say(self, text: str) -> None:
        """Set what is done now; nothing is shown in the first second."""
        self.text = text
        if self.painter is None:
            self.painter = threading.Thread(target=self._paint, name="genzoo-progress", daemon=True)
            self.painter.start()

    def _paint(self) -> None:
        wait = PATIENCE
        while not self.ended.wait(wait):
            wait = EVERY
            with self.lock:
                seconds = duration(time.perf_counter() - self.began)
                width = (columns_of(self.terminal) or 80) - len(seconds) - 3
                shown = f"{printable(self.text, width)}  {seconds}" if self.text else ""
                if shown and shown != self.shown:
                    self._write(ERASE + shown)
                    self.shown = shown

    def clear(self) -> None:
        """Remove the line; it comes back when something else is done."""
        with self.lock:
            self.text = ""
            if self.shown:
                self._write(ERASE)
            self.shown = ""

    def end(self) -> None:
        """Remove the line for good."""
        self.ended.set()
        self.clear()
        if self.painter is not None:
            self.painter.join()

    def _write(self, text: str) -> None:
        self.terminal.write(text)
        self.terminal.flush()


class Above:
    """A stream whose texts first remove the line."""

    def __init__(self, stream: Any, line: Line) -> None:
        self.stream, self.line = stream, line

    def write(self, text: str) -> int:
        """Write a text where the line was."""
        with self.line.lock:
            self.line.clear()
            return int(self.stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


_line: Line | None = None


def working(text: str) -> None:
    """Say what is done now, such as "metrics: 500 of 10,000 examples"; nothing happens outside of `progress`."""
    if _line is not None and reports_errors():
        _line.say(text)


@contextmanager
def progress(quiet: bool = False) -> Iterator[None]:
    """Within the context, show what `working` says, if standard error is a terminal."""
    global _line
    if quiet or _line is not None or not sys.stderr.isatty() or os.environ.get("TERM") in ("dumb", "unknown"):
        yield
        return
    outside = sys.stdout, sys.stderr
    _line = line = Line(sys.stderr)
    sys.stdout, sys.stderr = (cast(TextIO, Above(stream, line)) for stream in outside)
    try:
        yield
    finally:
        line.end()
        _line = None
        sys.stdout, sys.stderr = outside
