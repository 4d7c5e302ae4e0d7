"""Convert labels of files to class numbers of models."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray


def natural(name: str) -> tuple[tuple[int, float, str], ...]:
    """Return a sort key for natural order: 1, 2, 10, also within names such as image-2 and image-10."""
    number = whole(name)
    if number is not None:
        return ((0, float(number), name),)
    parts = re.split(r"(\d{1,18})", name)
    return tuple((1, float(part), "") if part.isdigit() else (2, 0.0, part) for part in parts if part) or (
        (3, 0.0, ""),
    )


def whole(text: str) -> int | None:
    """Return the whole number of a label such as 3, -1 or 3.0; None for other labels."""
    match = re.fullmatch(r"([+-]?\d{1,18})(\.0*)?", text.strip())
    return int(match[1]) if match else None


def is_fraction(text: str) -> bool:
    """Return whether a label is a number with a fraction, which cannot be a class."""
    try:
        return whole(text) is None and "_" not in text and abs(float(text)) < float("inf")
    except ValueError:
        return False


def name_of(label: Any) -> str:
    """Return the class name of a label: 3, 3.0 and "3.0" are one class."""
    text = label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label).strip()
    number = whole(text)
    return text if number is None else str(number)


def numbered(labels: NDArray[Any] | list[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return class numbers [N] from 0, and the names of the classes in natural order."""
    values, which = np.unique(np.asarray(labels), return_inverse=True)
    names = [name_of(value) for value in values.tolist()]
    classes = sorted(set(names), key=natural)
    places = {name: place for place, name in enumerate(classes)}
    return np.asarray([places[name] for name in names], np.int64)[which.reshape(-1)], tuple(classes)
