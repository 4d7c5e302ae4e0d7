"""Errors a user can act on: printed as one line and a hint, never as a traceback."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable

LINE = 192
"""Characters of a message on one line, "genzoo: " not counted."""
HINT = 1000
"""Characters of a line of a hint."""
STUB = 24
"""Characters to which a word, such as a path, is cut at most before others are cut."""


def printable(text: str, width: int = LINE) -> str:
    """A text of a stranger's, fit for one line of a terminal: control characters are spelled out, and it ends.

    What is too long loses the middle of its longest words, which are paths and names, and then its own.
    """
    text = shortened(text, 8 * width)  # what is cut anyway is not looked at
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    while len(shown) > width and len(word := max(shown.split(" "), key=len)) > STUB:
        shown = shown.replace(word, shortened(word, max(STUB, len(word) - (len(shown) - width))), 1)
    return shortened(shown, width)


def shortened(text: str, width: int) -> str:
    """A text without its middle where it is longer than `width`."""
    return text if len(text) <= width else f"{text[: width // 2]}…{text[len(text) - (width - 1) // 2 :]}"


class GenzooError(Exception):
    """Something the user can mend.

    Args:
        message: One line that says what is wrong and where.
        hint: What to type next; may have several lines.
    """

    exit_code = 1
    """With which the command line ends."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        lines = [printable(self.message), *(f"  {printable(line, HINT)}" for line in self.hint.splitlines())]
        return "\n".join(lines)


class UsageError(GenzooError):
    """A command, an option or a value that does not fit. Nothing was started."""

    exit_code = 2


class TooSmallImages(UsageError):
    """Images that are smaller than a model takes. Who knows the dataset says which of its options scales them.

    Args:
        message: As for any error.
        side: A size that is large enough.
    """

    def __init__(self, message: str, side: int) -> None:
        super().__init__(message, "use another model, or larger images")
        self.side = side

    def with_option(self, name: str) -> TooSmallImages:
        """The same error, whose hint names the dataset's option that scales images; "" where it has none."""
        if name:
            self.hint = f"use another model, or --data.{name} {self.side}"
        return self


class NonFiniteError(GenzooError):
    """The loss or a gradient became nan or infinite. The weights are those before that step."""

    exit_code = 3


class OutOfMemory(GenzooError):
    """A step or an evaluation needs more memory than there is. The weights are those before it."""

    exit_code = 5


class PluginError(GenzooError):
    """A plugin that was asked for cannot be loaded or breaks its contract."""

    exit_code = 4


DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
FROM_FILE = "give its file: genzoo -p FILE.py …"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence such as " Did you mean 'vae'?" with its leading blank, or ""."""
    known, name = list(known), name[:80].lower()
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    if not close:  # one word of a longer name: elbo for negative-elbo
        close = [longer for longer in known if name in re.split("[-_]", longer)][:2]
    return f" Did you mean {' or '.join(repr(match) for match in close)}?" if close else ""


def not_installed(path: object, what: str, origin: str) -> PluginError:
    """The error for a run or model whose plugin is not here. `origin` is "distribution version", or a file's name.

    All of it was read from a file, so what to type names a package only if that is what it says.
    """
    distribution, _, version = origin.partition(" ")
    suggestion = f"pip install {shlex.quote(distribution)}    if you trust who made it" if version else FROM_FILE
    if version and not DISTRIBUTION.fullmatch(distribution):
        suggestion = "the file names no package that could be installed: copy it again"
    return PluginError(f"{path} was made with {what} of {origin}, which is not installed", suggestion)
