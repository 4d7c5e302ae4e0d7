"""Conversion to plain Python values, of options from sweeps and notebooks; and to JSON values."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Mapping
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


def plain(value: Any) -> Any:
    """Return a JSON value with NaN and infinity as the texts "nan", "inf" and "-inf", and paths as texts."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
