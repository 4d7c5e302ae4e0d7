"""The line that says what a command does now."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Iterator

import pytest

from genzoo.system import progress as module
from genzoo.system.progress import ERASE, progress, working


class Terminal(io.StringIO):
    """Text in memory that claims to be a terminal."""

    def isatty(self) -> bool:
        return True

    def wait_for(self, text: str) -> None:
        """Wait until the painter has written a text."""
        for _ in range(500):
            if text in self.getvalue():
                return
            time.sleep(0.01)
        raise AssertionError(f"{text!r} is not in {self.getvalue()!r}")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard output and error as one terminal, and a line that is shown at once."""
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    monkeypatch.setattr(module, "EVERY", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


@contextlib.contextmanager
def command(terminal: Terminal, quiet: bool = False) -> Iterator[None]:
    """Run a command in the terminal; not in the fixture, since pytest sets its own streams in between."""
    with contextlib.redirect_stdout(terminal), contextlib.redirect_stderr(terminal):
        with progress(quiet):
            yield
        assert sys.stdout is sys.stderr is terminal


def test_the_line_says_what_is_done_and_is_gone_at_the_end(terminal: Terminal) -> None:
    with command(terminal):
        working("reading \x1b[2Jrun 1")
        terminal.wait_for(f"{ERASE}reading \\x1b[2Jrun 1  0 s")
        working("reading run 2")
        terminal.wait_for(f"{ERASE}reading run 2  0 s")
    assert terminal.getvalue().endswith(ERASE)
    working("nothing")  # no command is at work


def test_what_is_printed_takes_the_place_of_the_line(terminal: Terminal) -> None:
    with command(terminal):
        working("counting")
        terminal.wait_for("counting")
        print("one")
        working("counting on")
        terminal.wait_for("counting on")
    assert terminal.getvalue().replace("  0 s", "") == f"{ERASE}counting{ERASE}one\n{ERASE}counting on{ERASE}"


def test_a_long_text_keeps_to_one_line(terminal: Terminal) -> None:
    with command(terminal):
        working("word " * 100)
        terminal.wait_for("0 s")
    assert len(terminal.getvalue().replace(ERASE, "")) < 80


@pytest.mark.parametrize("why", ["quiet", "no terminal", "dumb"])
def test_there_is_no_line(why: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Terminal, "isatty", lambda self: why != "no terminal")
    monkeypatch.setenv("TERM", "dumb" if why == "dumb" else "xterm")
    with command(terminal, quiet=why == "quiet"):
        working("counting")
        time.sleep(0.05)
    assert terminal.getvalue() == ""
