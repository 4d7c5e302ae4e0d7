"""Numbers and sizes as text; lists of names and durations in a text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from genzoo.core.errors import UsageError

LONGEST_RANGE = 1000
"""Numbers of the longest range in a list."""
LARGEST_PLAIN = 1e15
"""Numbers from here on are written with an exponent."""
UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
"""Seconds in each unit of a duration."""
SHOWN = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
"""The units of `duration`, the largest first."""


def names_in(text: str) -> list[str]:
    """Return the names in a text such as "A,B"; blanks around them and empty ones are left out."""
    return [name for part in text.split(",") if (name := part.strip())]


def list_in(text: str, name: str) -> list[str]:
    """Return the words of a list such as "0-3,7"; 0-3 and 0..3 are whole numbers with both ends.

    Args:
        text: The list; words that are no ranges are returned as they are.
        name: The option, for messages.

    Raises:
        UsageError: A range runs backwards or is too long.
    """
    words: list[str] = []
    for word in names_in(text):
        ends = re.fullmatch(r"(\d{1,9})(?:-|\.\.)(\d{1,9})", word, flags=re.ASCII)
        first, last = (int(ends[1]), int(ends[2])) if ends else (0, 0)
        if first > last:
            raise UsageError(f"{name} {text}: {first} comes after {last}", f"write {last}-{first}, or {first},{last}")
        if last - first >= LONGEST_RANGE:
            raise UsageError(f"{name} {text}: more than {LONGEST_RANGE:,} numbers", "write a shorter range")
        words += map(str, range(first, last + 1)) if ends else [word]
    return words


def seconds_in(text: str) -> float:
    """Return the seconds in a duration such as "90", "90s", "10m" or "1.5h".

    Raises:
        UsageError: It is none.
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([smh]?)", text.strip(), flags=re.ASCII)
    if not found:
        raise UsageError(f"{text!r} is no duration", "write 90, 90s, 10m or 2h")
    return float(found[1]) * UNITS[found[2]]


def number(value: float | str) -> str:
    """Format a number: at least four significant digits from 0.1 on, and two decimals from 10 on."""
    if isinstance(value, str) or not math.isfinite(value):  # "nan", "inf"
        return str(value)
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}" if abs(value) >= 0.1 else f"{value:.5f}"


def significant(value: float, digits: int) -> str:
    """Format a number with a few significant digits as people write it: 160, 0.0003, and 3e-5 only below 1e-4."""
    text = f"{value:.{digits}g}"
    if "e+" in text and abs(value) < LARGEST_PLAIN:
        return f"{float(text):.0f}"
    return re.sub(r"e-0", "e-", text)


def gigabytes(count: float) -> str:
    """Return a number of bytes as text, such as "3.1 TB" or "24 GB"."""
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000:
            return f"{count:.2g} {unit}" if count < 10 else f"{count:.0f} {unit}"
    return f"{count / 1000:,.1f} TB"


def duration(seconds: float) -> str:
    """Return a duration as text: "12 s", "3 min", "5 h" or "2 d"."""
    size, unit = next(((size, unit) for size, unit in SHOWN if seconds >= size), SHOWN[-1])
    return f"{seconds / size:.0f} {unit}"


def options_text(options: Mapping[str, str]) -> str:
    """Return options and their values as text, such as "beta=2 latent-dim=10"."""
    return " ".join(f"{name}={value}" for name, value in options.items())


def as_typed(value: Any) -> str:
    """Return an option's value as it is typed: several values with commas between them, "none" for None."""
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else "none" if value is None else str(value)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as "1 column" or "2 columns"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
