"""Numbers as text, and lists of names in a text."""

from __future__ import annotations

import math


def names_in(text: str) -> list[str]:
    """Return the names in a text such as "A,B"; blanks around them and empty ones are left out."""
    return [name for part in text.split(",") if (name := part.strip())]


def number(value: float | str) -> str:
    """Format a number: at least four significant digits from 0.1 on, and two decimals from 10 on."""
    if isinstance(value, str) or not math.isfinite(value):  # "nan", "inf"
        return str(value)
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}" if abs(value) >= 0.1 else f"{value:.5f}"
