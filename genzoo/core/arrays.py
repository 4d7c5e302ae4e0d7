"""Arrays of users' programs: NumPy arrays, tensors, lists, tables of pandas or polars, pictures, as one kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genzoo.core.errors import UsageError


def to_array(x: Any, what: str) -> NDArray[Any]:
    """Return what a program holds as an array of numbers; its memory is shared where that is possible.

    Args:
        x: An array, a tensor on any device, a table, or nested lists.
        what: Its name in errors.

    Raises:
        UsageError: It is no array of numbers.
    """
    if hasattr(x, "detach"):  # a tensor
        x = x.detach().cpu()
        x = (x.float() if str(x.dtype) == "torch.bfloat16" else x).numpy()
    try:
        array = np.asarray(x)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{what} is no array: {error}", "give an array of numbers in which all rows have one length"
        ) from None
    if array.dtype.kind not in "biuf":
        raise UsageError(f"{what} holds {kind_of(array)}, not numbers", hint_for(x, what))
    return array


def is_table(x: Any) -> bool:
    """Return whether something is a table with named columns, such as a DataFrame of pandas or polars."""
    return hasattr(x, "columns") and hasattr(x, "to_numpy")


def kind_of(array: NDArray[Any]) -> str:
    """Return what an array holds, in words."""
    words = {"O": "objects", "U": "texts", "S": "texts", "c": "complex numbers", "M": "dates", "m": "durations"}
    return f"{words.get(array.dtype.kind, 'records')} (dtype {array.dtype})"


def hint_for(x: Any, what: str) -> str:
    """Return how an array of another kind becomes one of numbers."""
    if hasattr(x, "toarray"):
        return f"it is sparse: {what}.toarray()"
    return f"convert it: {what}.astype(float), after texts and missing values are numbers"
