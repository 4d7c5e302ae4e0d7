"""Robust standard streams: they may be closed, have no reader, or be unable to show every character."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

from genzoo.core.spelling import spelled

ASCII_HANDLER = "genzoo-ascii"
"""The name of the codec error handler."""
ASCII = str.maketrans({
    "−": "-", "–": "-", "—": "-", "─": "-", "×": "x", "·": "*", "±": "+/-", "…": "...", "→": "->", "←": "<-",
    "≤": "<=", "≥": ">=", "≈": "~", "∞": "inf", "√": "sqrt", "½": "1/2", "‖": "||", "∫": "integral", "⁻": "^-",
    "✓": "yes", "✗": "no", "│": "|", "╭": "+", "╮": "+", "╯": "+", "╰": "+", "█": "#", "“": '"', "”": '"',
    "‘": "'", "’": "'",
})  # fmt: skip
"""ASCII replacements of characters that Unicode normalisation does not simplify."""


def to_ascii(character: str) -> str:
    """Return an ASCII replacement of one character: "x" for "×", "beta" for "β", "e" for "é", "?" if there is none."""
    if "\ud800" <= character <= "\udfff":  # a surrogate: a byte of a file name that is not UTF-8
        return character.encode("ascii", "backslashreplace").decode()
    if replacement := character.translate(ASCII):
        character = replacement
    simplified = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    if simplified:
        return simplified
    script, *words = unicodedata.name(character, "").split()[:4] or [""]
    return words[2].lower() if script == "GREEK" and words[1:2] == ["LETTER"] else "?"


def _handle(error: UnicodeError) -> tuple[str | bytes, int]:
    """Handle a codec error. Write the bytes of a file name unchanged, as the system's own commands do."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    if all("\udc80" <= character <= "\udcff" for character in text):
        return text.encode("ascii", "surrogateescape"), error.end
    return "".join(map(to_ascii, text[:1])), error.start + 1


codecs.register_error(ASCII_HANDLER, _handle)


class TolerantStream:
    """A text stream that replaces characters it cannot show, and discards text when writing fails.

    Args:
        stream: The stream to write to; None if there is none, as under pythonw.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.lost = stream is None
        """Whether a write failed; later text is then discarded."""

    def write(self, text: str) -> int:
        """Write a text, with ASCII replacements for characters that the stream cannot show."""
        self._attempt(lambda: self._shown(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._attempt(lambda: self.stream.flush())

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        try:
            return not self.lost and bool(self.stream.isatty())
        except (AttributeError, ValueError):
            return False

    def _shown(self, text: str) -> None:
        try:
            self.stream.write(text)
        except UnicodeEncodeError as error:
            self.stream.write(text.encode(error.encoding, ASCII_HANDLER).decode(error.encoding, "backslashreplace"))

    def _attempt(self, action: Callable[[], None]) -> None:
        if self.lost:
            return
        try:
            action()
        except BlockingIOError:  # the reader is slow: this text is lost, the next one may not be
            pass
        except (OSError, ValueError):  # ValueError: it is closed
            self.lost = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def standard_error() -> TextIO:
    """Return the current standard error as a stream that never fails."""
    stream = sys.stderr
    return cast(TextIO, stream if isinstance(stream, TolerantStream) else TolerantStream(stream))


def tell(text: str) -> None:
    """Print one or several lines on standard error, with options spelled for who reads them."""
    print(spelled(text), file=standard_error(), flush=True)


def columns_of(terminal: TextIO) -> int:
    """Return the width of a terminal in columns; 0 where it is unknown."""
    try:
        return os.get_terminal_size(terminal.fileno()).columns
    except (AttributeError, OSError, ValueError):  # a stream object without a file descriptor
        return 0


@contextlib.contextmanager
def usable_streams() -> Iterator[None]:
    """Make standard output and error exist and accept every text within the context; for the command line.

    Closed descriptors are opened on os.devnull. Otherwise the next opened file would get their number and their output.
    """
    _fill_descriptors()
    outside = sys.stdin, sys.stdout, sys.stderr
    with contextlib.ExitStack() as opened:
        if sys.stdin is None:
            sys.stdin = opened.enter_context(open(os.devnull, encoding="utf-8"))
        if sys.stdout is None:
            sys.stdout = opened.enter_context(open(os.devnull, "w", encoding="utf-8"))
        opened.enter_context(_showing_all(sys.stdout))
        opened.enter_context(_showing_all(sys.stderr))
        error = TolerantStream(sys.stderr)
        sys.stderr = cast(TextIO, error)
        try:
            yield
        finally:
            sys.stdin, sys.stdout, sys.stderr = outside
            if error.lost and error.stream is not None:
                discard(error.stream)


def discard(stream: TextIO) -> None:
    """Redirect a stream to os.devnull: Python flushes it at exit and would print an error."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def _fill_descriptors() -> None:
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


@contextlib.contextmanager
def _showing_all(stream: Any) -> Iterator[None]:
    """Make a stream of the process replace characters it cannot show within the context."""
    before = getattr(stream, "errors", None)
    changed = False
    with contextlib.suppress(AttributeError, OSError, ValueError):
        stream.reconfigure(errors=ASCII_HANDLER)
        changed = True
    try:
        yield
    finally:
        if changed:
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors=before)
