"""`--json`: what a command found, as one JSON document on standard output."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

from genzoo.core.values import plain

SCHEMA = 1
"""The version of the documents. It changes where a field changes its name or meaning, not where one is added."""


class Document:
    """The document of one command.

    Args:
        verb: The verb as it was typed, such as "runs list"; empty if there is none.
    """

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.text = io.StringIO()
        """What was printed on standard output."""
        self.values: dict[str, Any] = {}
        self.is_printed = False
        """Whether the command prints a document itself: a plugin's, with a `--json` of its own."""

    def as_json(self, indent: int | None = None) -> str:
        """Return the document, on one line or indented; of a command that gave no result it holds what was printed."""
        if self.is_printed and not self.values:
            return self.text.getvalue().rstrip("\n")
        values = self.values or {"text": self.text.getvalue()}
        return json.dumps({"schema": SCHEMA, "verb": self.verb, **plain(values)}, indent=indent, allow_nan=False)


_current: Document | None = None


@contextlib.contextmanager
def documented(verb: str) -> Iterator[Document]:
    """Collect results into a document within the context; what is printed on standard output is no output."""
    global _current
    before, _current = _current, Document(verb)
    try:
        with contextlib.redirect_stdout(_current.text):
            yield _current
    finally:
        _current = before


def json_result(**values: Any) -> None:
    """Give the result of a command for `--json`; without `--json` nothing happens.

    Args:
        **values: JSON values, paths and tuples. Later calls add to them. nan and infinity become the texts "nan",
            "inf" and "-inf".
    """
    if _current is not None:
        _current.values |= values


def json_error(message: str, hint: str, exit_code: int) -> None:
    """Replace the result of a command by its error for `--json`; without `--json` nothing happens."""
    if _current is not None:
        _current.values = {"error": {"message": message, "hint": hint, "exit_code": exit_code}}


def prints_json() -> None:
    """State that the command prints a document itself."""
    if _current is not None:
        _current.is_printed = True


def no_result() -> bool:
    """Return whether a command has neither given a result nor prints a document itself."""
    return _current is not None and not _current.values and not _current.is_printed
