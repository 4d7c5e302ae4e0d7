"""Reading what a stranger wrote: regular files of a bounded size, and JSON that says one thing only."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

LARGEST_TEXT = 1 << 26
"""Bytes of a JSON, JSON lines or TOML file; a run's own have a few thousand."""
DEEPEST = 32
"""How many tables and lists may lie within each other; a run's own files have six."""
LONGEST_NUMBER = 40
"""Digits of a whole number; 64 bits have 20."""


def open_regular(path: Path) -> BinaryIO:
    """Opens a file for reading, and only a file: a pipe could make the program wait for ever, a device act.

    Raises:
        OSError: It is not there, is no regular file, or cannot be one by its name.
    """
    try:
        mode = os.stat(path).st_mode
    except ValueError:  # a NUL in it
        raise OSError(errno.EINVAL, "no name of a file", str(path)) from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "no regular file", str(path))
    # Without O_NONBLOCK a pipe that has taken the file's place by now would still make it wait.
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")


def read_text(path: Path, limit: int = LARGEST_TEXT, errors: str = "strict") -> str:
    """The text of a UTF-8 file of at most `limit` bytes; `errors` as `bytes.decode` has it.

    Raises:
        OSError: As `open_regular`, or it is larger.
        UnicodeDecodeError: It is not UTF-8.
    """
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"more than {limit:,} bytes", str(path))
    return content.decode("utf-8", errors)


def parse_json(text: str) -> Any:
    """JSON as RFC 8259 has it: no NaN, no number beyond every float, no name twice, nothing nested endlessly.

    Raises:
        ValueError: In a few words; the line is named where the text is not well-formed.
    """
    try:
        value = json.loads(
            text, parse_constant=_no_number, parse_float=_finite, parse_int=_whole, object_pairs_hook=_unique
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    refuse_odd(value)
    return value


def refuse_odd(value: Any) -> None:
    """Refuses parsed JSON or TOML that nests too deeply, or holds numbers and texts that cannot be written again.

    Raises:
        ValueError: In a few words.
    """
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
        if isinstance(item, dict):
            waiting += [(inner, depth + 1) for pair in item.items() for inner in pair]
        elif isinstance(item, list):
            waiting += [(inner, depth + 1) for inner in item]
        elif isinstance(item, str):
            # A UnicodeEncodeError, which is a ValueError, for half a character that is no byte of a file's name.
            item.encode("utf-8", "surrogateescape")
        elif isinstance(item, int) and abs(item) >= 10**LONGEST_NUMBER:
            raise ValueError(f"a number of more than {LONGEST_NUMBER} digits")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:LONGEST_NUMBER]} is too large a number")
    return value


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise ValueError(f"{twice[:LONGEST_NUMBER]!r} stands there twice")
    return values
