"""Conversion of option values from sweeps and notebooks to plain Python values."""

from __future__ import annotations

import operator
import os
from enum import Enum
from numbers import Integral, Real
from typing import Any


def plain_value(value: Any) -> Any:
    """Convert a value to plain Python: numbers of NumPy and torch, arrays, paths, ranges and enums.

    Lists of any kind become tuples. A value without a plain form is returned unchanged.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Enum):
        return plain_value(value.value)
    if isinstance(value, (list, tuple, range)):
        return tuple(map(plain_value, value))
    try:
        return _converted(value)
    except Exception:  # a tensor without values, or an unknown class
        return value


def _converted(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    forms: tuple[tuple[type, Any], ...] = ((str, str), (Integral, int), (Real, float))
    for kind, form in forms:
        if isinstance(value, kind):
            return form(value)
    if hasattr(value, "tolist"):  # arrays, tensors and their scalars
        return plain_value(value.tolist())
    return operator.index(value)
