"""Errors a user can act on: printed as one line and a hint, never as a traceback."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class GenzooError(Exception):
    """Something the user can mend.

    Args:
        message: One line that says what is wrong and where.
        hint: What to type next; may have several lines.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.message, *(f"  {line}" for line in self.hint.splitlines())]
        return "\n".join(lines)


class UsageError(GenzooError):
    """A command, an option or a value that does not fit. Nothing was started."""

    exit_code = 2


class NonFiniteError(GenzooError):
    """The loss or a gradient became nan or infinite. The weights are those before that step."""

    exit_code = 3


class OutOfMemory(GenzooError):
    """A step or an evaluation needs more memory than there is. The weights are those before it."""


class PluginError(GenzooError):
    """A plugin that was asked for cannot be loaded or breaks its contract."""

    exit_code = 4


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence such as " Did you mean 'vae'?" with its leading blank, or ""."""
    known = list(known)
    close = difflib.get_close_matches(name.lower(), known, n=2, cutoff=0.6)
    if not close:  # one word of a longer name: elbo for negative-elbo
        close = [longer for longer in known if name.lower() in re.split("[-_]", longer)][:2]
    return f" Did you mean {' or '.join(repr(match) for match in close)}?" if close else ""


def not_installed(path: object, what: str, origin: str) -> PluginError:
    """The error for a run or model whose plugin is not here. `origin` is "distribution version", or a file's name."""
    distribution, _, version = origin.partition(" ")
    cure = f"pip install {distribution}" if version else "give its file: genzoo -p FILE.py …"
    return PluginError(f"{path} was made with {what} of {origin}, which is not installed", cure)
