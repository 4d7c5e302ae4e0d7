"""Convert arrays to examples: the order of axes, and the meaning of values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from genzoo.core.errors import UsageError
from genzoo.core.rows import CHUNK_VALUES, Examples, Rows
from genzoo.data.input_format import InputFormat

CHANNELS = (1, 3)
WHITE = 255
DEEP_WHITE = 65_535
FORMS = "vectors [N, F], images [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels"


class Stored(NamedTuple):
    """An array as stored in a split."""

    x: Examples
    """[N, F] float32, or [N, C, H, W] uint8 (0 … 255) or float32 (0 … 1)."""
    form: InputFormat
    """The value of white and the position of the channels."""
    notes: list[str]
    """What was guessed, one line each."""


class Values(NamedTuple):
    """The range of an array's values, and whether they are whole numbers."""

    low: float
    high: float
    whole: bool
    """Whether all values are whole numbers."""


def as_examples(array: NDArray[Any], what: str, shape: tuple[int, ...] = (), form: InputFormat | None = None) -> Stored:
    """Return an array of images or vectors as stored in a split. A memory-mapped array is not read.

    Vectors keep their values, in any dtype. Images of integers are binary if all values are 0 or 1; otherwise white is
    255, or 65,535 for uint16. Images of floats lie in [0, 1].

    Args:
        array: [N, F] vectors; [N, H, W], [N, H, W, C] or [N, C, H, W] images with C 1 or 3.
        what: The name of the array in errors.
        shape: The shape of the model's examples, if the array is for a trained model.
        form: The input format of the model's training data, if the array is for a trained model.

    Raises:
        UsageError: An unknown shape, values that are not finite, or pixels outside the range of images.
    """
    if array.ndim not in (2, 3, 4) or not array.size:
        raise UsageError(f"{what} has shape {list(array.shape)}", FORMS)
    if array.dtype.kind not in "biuf":
        raise UsageError(f"{what} is {array.dtype}", "give numbers: whole ones or floats")
    notes: list[str] = []
    first = False
    if array.ndim == 4:
        first = _channels_first(array.shape, what, shape, form, notes)
        array = array if first else np.moveaxis(array, 3, 1)
    elif array.ndim == 3:
        array = array[:, None]
    if array.ndim == 2:
        if array.dtype.kind == "f":
            _refuse_non_finite(values_of(array), what)
        return Stored(_converted(array, np.dtype(np.float32)), InputFormat(), notes)
    white = _white_level(array, what, form, notes)
    kind = np.dtype(np.uint8 if white == WHITE or (white == 1 and array.dtype.kind in "biu") else np.float32)
    factor = WHITE if white == 1 and kind == np.uint8 else 1 / white if kind == np.float32 else 1
    return Stored(_converted(array, kind, factor), InputFormat(white=white, first=first), notes)


def _channels_first(
    shape: tuple[int, ...], what: str, wanted: tuple[int, ...], form: InputFormat | None, notes: list[str]
) -> bool:
    """Return whether images [N, *, *, *] have their channels before height and width."""
    fits = [axis for axis in (1, 3) if shape[axis] in CHANNELS]
    if not fits:
        hint = "drop the alpha channel: x[..., :3]" if 4 in (shape[1], shape[3]) else FORMS
        raise UsageError(f"{what} has shape {list(shape)}: no axis of 1 or 3 channels", hint)
    if len(fits) == 1:
        return fits == [1]
    like = {1: shape[1:], 3: (shape[3], *shape[1:3])}
    alike = [axis for axis in fits if like[axis] == wanted]
    if len(alike) == 1:
        return alike == [1]
    first = form.first if form is not None and form.white else True
    if form is None:
        notes.append(f"{what} has shape {list(shape)}, which is read as [N, C, H, W]: channels before height and width")
    return first


def _white_level(array: NDArray[Any], what: str, form: InputFormat | None, notes: list[str]) -> int:
    """Return the value of white in images: 1, 255 or 65,535."""
    trained = form.white if form is not None else 0
    if array.dtype.kind == "b":
        return 1
    values = values_of(array)
    _refuse_non_finite(values, what)
    low, high = values.low, values.high
    if low < 0 or high > DEEP_WHITE or (high > 1 and not values.whole):
        hint = "scale −1 … 1 to 0 … 1: (x + 1) / 2" if -1 <= low < 0 and high <= 1 else "scale them, or use uint8"
        raise UsageError(f"{what} holds values from {low:g} to {high:g}; images lie in [0, 1]", hint)
    if array.dtype.kind == "f":
        if high <= 1:
            return 1
    elif high <= 1 and trained in (0, 1):
        return 1
    elif array.dtype == np.uint16 and (high > WHITE or trained == DEEP_WHITE):
        if not trained:
            notes.append(f"{what} holds whole numbers of 16 bits up to {high:,.0f}: {DEEP_WHITE:,} is taken for white")
        return DEEP_WHITE
    if high > WHITE:
        hint = f"divide by the value of white, to floats in [0, 1]; or use numpy.uint16 if white is {DEEP_WHITE:,}"
        raise UsageError(f"{what} holds values from {low:g} to {high:g}; images lie in [0, 1]", hint)
    if array.dtype.kind == "f" or trained == 1:
        notes.append(f"{what} holds whole numbers up to {high:g}: {WHITE} is taken for white")
    return WHITE


def _converted(array: NDArray[Any], dtype: np.dtype[Any], factor: float = 1) -> Examples:
    """Return the values times a factor; a memory-mapped array is not read."""
    if isinstance(array, np.memmap):
        return Rows(array, dtype=dtype, factor=factor)
    if factor == 1:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=dtype))
    values = np.empty(array.shape, dtype)
    for start, piece in _pieces(array):
        values[start : start + len(piece)] = piece * np.uint8(factor) if factor > 1 else piece / round(1 / factor)
    return torch.from_numpy(values)


def values_of(array: NDArray[Any]) -> Values:
    """Return the smallest and the largest value (NaN if any value is NaN), and whether all are whole numbers.

    For uint8 with values above 1 the range is 0 to 255, without reading the rest.
    """
    low, high, whole = math.inf, -math.inf, True
    for _, piece in _pieces(array):
        # numpy's minimum and maximum, unlike Python's, keep a NaN.
        low, high = float(np.minimum(low, piece.min())), float(np.maximum(high, piece.max()))
        whole = whole and (array.dtype.kind != "f" or bool((piece == np.floor(piece)).all()))
        if array.dtype == np.uint8 and high > 1:
            return Values(0, WHITE, whole)  # enough to know, and a mapped file is not read to its end
    return Values(low, high, whole)


def _pieces(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    rows = max(1, CHUNK_VALUES // math.prod(array.shape[1:]))
    return ((start, array[start : start + rows]) for start in range(0, len(array), rows))


def _refuse_non_finite(values: Values, what: str) -> None:
    """Refuse numbers that are not finite in single precision."""
    largest = float(np.finfo(np.float32).max)
    if not (-largest <= values.low and values.high <= largest):  # False for NaN
        raise UsageError(f"{what} holds values that are not finite", "correct or drop those examples")
