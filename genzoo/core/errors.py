"""Errors for users: each is printed as one line and a hint, without a traceback."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from genzoo.core.spelling import spelled

LINE = 192
"""Maximum characters of a message, without the prefix "genzoo: "."""
HINT = 1000
"""Maximum characters of one line of a hint."""
LISTED = 240
"""Characters of a list of names from which on the command that prints it is named instead."""
STUB = 24
"""A word, such as a path, is not truncated below this many characters while another word is longer."""


def printable(text: str, width: int = LINE) -> str:
    """Sanitise untrusted text to one terminal line: escape control characters and truncate to `width`.

    A text that is too long loses the middle of its longest words, which are paths and names, and then its own middle.
    """
    text = shortened(text, 8 * width)  # bounds the work on a very long text
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    while len(shown) > width and len(word := max(shown.split(" "), key=len)) > STUB:
        shown = shown.replace(word, shortened(word, max(STUB, len(word) - (len(shown) - width))), 1)
    return shortened(shown, width)


def shortened(text: str, width: int) -> str:
    """Return a text, without its middle if it is longer than `width`."""
    return text if len(text) <= width else f"{text[: width // 2]}…{text[len(text) - (width - 1) // 2 :]}"


class GenzooError(Exception):
    """An error that the user can correct.

    Args:
        message: One line that says what is wrong and where. Options are spelled as they are typed, see
            `genzoo.core.spelling`: to a program they are shown as Python.
        hint: What to type next, in one or several lines.
    """

    exit_code = 1
    """The exit code of the command line."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        hints = spelled(self.hint).splitlines()
        lines = [printable(spelled(self.message)), *(f"  {printable(line, HINT)}" for line in hints)]
        return "\n".join(lines)


class UsageError(GenzooError):
    """Invalid usage: a command, an option or a value. Nothing was started."""

    exit_code = 2


class TooSmallImages(UsageError):
    """The images are too small for a model. `with_option` adds the dataset's option that scales them.

    Args:
        message: As for any error.
        side: An image side that is large enough, in pixels.
    """

    def __init__(self, message: str, side: int) -> None:
        super().__init__(message, "use another model, or larger images")
        self.side = side

    def with_option(self, name: str) -> TooSmallImages:
        """Name the dataset's option that scales images in the hint; "" if it has none. Return the same error."""
        if name:
            self.hint = f"use another model, or --data.{name} {self.side}"
        return self


class NonFiniteError(GenzooError):
    """The loss or a gradient is nan or infinite. The weights are those before that step."""

    exit_code = 3


class OutOfMemory(GenzooError):
    """A step or an evaluation needs more memory than available. The weights are those before it."""

    exit_code = 5


class PluginError(GenzooError):
    """A requested plugin cannot be loaded or violates its contract."""

    exit_code = 4


DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
FROM_FILE = "give its file: genzoo -p FILE.py …"


def did_you_mean(name: str, known: Iterable[str], about: Mapping[str, str] | None = None) -> str:
    """Return a sentence such as " Did you mean 'vae'?" with a leading space, or "".

    Args:
        name: What was typed.
        known: The names that there are.
        about: What is said of some of them. A name that is no slip of the keyboard is looked for there, as a word.
    """
    texts, name = about or {}, name[:80].lower()
    known = list(dict.fromkeys(known))
    said = re.compile(rf"\b{re.escape(re.sub('[-_]', ' ', name))}\b", re.IGNORECASE)
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.8)
    close = close or [longer for longer in known if name in re.split("[-_]", longer)][:2]  # elbo of negative-elbo
    close = close or [one for one in known if len(name) > 1 and said.search(texts.get(one, ""))][:2]
    close = close or difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(match) for match in close)}?" if close else ""


def listed(label: str, names: Sequence[str], more: str) -> str:
    """Return "label: a, b, c", or the command that lists them where there are too many for a line or two."""
    line = f"{label}: {', '.join(names) or 'none'}"
    return line if len(line) <= LISTED else f"{label}: {len(names)} names; type: {more}"


def not_installed(path: object, what: str, origin: str) -> PluginError:
    """Return the error for a run or model whose plugin is not installed.

    The arguments come from a file and are untrusted, so the hint names a package only if the name is valid.

    Args:
        path: The run or the model file.
        what: The missing model, loss or dataset.
        origin: "distribution version", or the name of a plugin file.
    """
    distribution, _, version = origin.partition(" ")
    suggestion = f"pip install {shlex.quote(distribution)}    if you trust who made it" if version else FROM_FILE
    if version and not DISTRIBUTION.fullmatch(distribution):
        suggestion = "the file names no package that could be installed: copy it again"
    return PluginError(f"{path} was made with {what} of {origin}, which is not installed", suggestion)
