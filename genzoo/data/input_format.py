"""The input format of a run's data: how files given later are read, and what their values are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split
from genzoo.core.errors import GenzooError
from genzoo.core.rows import Rows, chunks
from genzoo.data.readers.columns import TrainedColumns
from genzoo.data.splits import sample_of

MARGIN = 1.0
"""How far an outlier lies outside the range of the training values, in multiples of that range."""
ROUNDING = 1e-6
"""Relative tolerance for rounding errors at the ends of the range."""
WHITE = 255
"""White in uint8 images."""
RANGE_SAMPLE = 10_000
"""Examples of a memory-mapped file from which the range is computed."""


@dataclass(frozen=True)
class InputFormat:
    """The format of the training data. A list of numbers has one item for images and one item a column for vectors."""

    columns: tuple[str, ...] = ()
    """Names of the columns; () if they have no names."""
    places: tuple[int, ...] = ()
    """Positions of the columns in the table, from 0."""
    width: int = 0
    """Number of columns of the table, including those that were left out; 0 if the data were not a table."""
    fill: tuple[float, ...] = ()
    """The value that replaces a missing one."""
    shift: tuple[float, ...] = ()
    """Subtracted from each column; () for columns that are not scaled."""
    scale: tuple[float, ...] = ()
    """Each column is divided by this after the subtraction; () for columns that are not scaled."""
    low: tuple[float, ...] = ()
    """The smallest stored values; for images on the scale from 0 to 1."""
    high: tuple[float, ...] = ()
    """The largest stored values; for images on the scale from 0 to 1."""
    white: int = 0
    """The value of white in arrays of images: 255, 65535, or 1 for floats and for 0/1; 0 if unknown."""
    first: bool = False
    """Whether arrays of images are [N, C, H, W] and not [N, H, W, C]."""

    @property
    def known(self) -> TrainedColumns | None:
        """The columns of the table; None if the data were not a table."""
        return TrainedColumns(self.columns, self.places, self.width) if self.width else None

    def to_json(self) -> dict[str, Any]:
        """Return the format as JSON values, without the defaults."""
        return {name: value for name, value in asdict(self).items() if value not in ((), 0, False)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], numel: int) -> InputFormat:
        """Return the format that `to_json` wrote.

        Raises:
            TypeError, ValueError: An unknown field, a wrong type, or a list whose length is not the number of columns.
        """
        given: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in values.items()}
        form = cls(**given)
        numbers = (form.fill, form.shift, form.scale, form.low, form.high)
        if not all(isinstance(part, tuple) and len(part) in (0, 1, numel) for part in numbers):
            raise ValueError
        if not all(type(value) in (int, float) for part in numbers for value in part) or 0 in form.scale:
            raise ValueError
        if not all(type(place) is int and 0 <= place < form.width for place in form.places):
            raise ValueError
        if not all(isinstance(name, str) for name in form.columns) or type(form.width) is not int:
            raise ValueError
        if type(form.white) is not int or type(form.first) is not bool or len(form.shift) != len(form.scale):
            raise ValueError
        if form.width and (len(form.places) != numel or len(form.columns) not in (0, numel)):
            raise ValueError
        return form

    def scaled(self, x: Tensor) -> Tensor:
        """Return vectors [N, F] of a file as stored: missing values replaced, columns scaled."""
        if self.fill:
            x = torch.where(x.isnan(), torch.tensor(self.fill, dtype=x.dtype), x)
        if not self.scale:
            return x
        shift, scale = (torch.tensor(part, dtype=torch.float64) for part in (self.shift, self.scale))
        return ((x.double() - shift) / scale).float()

    def unscaled(self, x: Tensor) -> Tensor:
        """Return stored vectors [N, F] in the units of their file."""
        if not self.scale:
            return x
        shift, scale = (torch.tensor(part, dtype=torch.float64) for part in (self.shift, self.scale))
        return (x.double() * scale + shift).float()

    def describe_outliers(self, x: Tensor) -> str:
        """Return a description of stored examples [N, *S] far outside the training data; "" if there are none."""
        if not self.low or not self.high:
            return ""
        white = 255.0 if x.dtype == torch.uint8 else 1.0
        low, high = (torch.tensor(part, dtype=torch.float64) for part in (self.low, self.high))
        margin = MARGIN * (high - low) + ROUNDING * (1 + torch.maximum(low.abs(), high.abs()))
        count, example = 0, ""
        for chunk in chunks(x):
            flat = chunk.flatten(1).double() / white
            outside = (flat < low - margin) | (flat > high + margin)
            count += int(outside.any(1).sum())
            if count and not example:
                row, place = outside.nonzero()[0].tolist()
                example = self._describe(float(flat[row, place]), place)
        return f"{count:,} of {len(x):,} examples lie far outside the training data, such as {example}" if count else ""

    def _describe(self, value: float, place: int) -> str:
        """Return a text with a value, its column, and the range of that column in the training data."""
        column = min(place, len(self.low) - 1)
        shift, scale = (self.shift[column], self.scale[column]) if self.scale else (0.0, 1.0)
        shown, low, high = (number * scale + shift for number in (value, self.low[column], self.high[column]))
        where = f" in column {(self.columns or range(1, len(self.low) + 1))[column]}" if len(self.low) > 1 else ""
        return f"{shown:g}{where}, which had {low:g} to {high:g}"


@runtime_checkable
class HasInputFormat(Protocol):
    """A dataset that states the format of its files. It is optional for datasets."""

    @property
    def form(self) -> InputFormat:
        """The format, available after loading, without `low` and `high`."""
        ...


def input_format_of(dataset: object, train: Split, spec: DataSpec) -> InputFormat:
    """Return the input format of a dataset, with the ranges of its training data."""
    form = dataset.form if isinstance(dataset, HasInputFormat) else InputFormat()
    low, high = ranges(train, spec)
    white = (WHITE if train.x.dtype == torch.uint8 else 1) if spec.is_image and not form.white else form.white
    return replace(form, low=low, high=high, white=white)


def ranges(train: Split, spec: DataSpec) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the smallest and the largest training values: over all pixels for images, of each column for vectors."""
    low = high = None
    train = sample_of(train, RANGE_SAMPLE) if isinstance(train.x, Rows) else train
    for chunk in chunks(train.x):
        flat = chunk.reshape(-1, 1) if spec.is_image else chunk.flatten(1)
        small, large = flat.amin(0), flat.amax(0)
        low = small if low is None else torch.minimum(low, small)
        high = large if high is None else torch.maximum(high, large)
    if low is None or high is None:
        return (), ()
    white = 255.0 if train.x.dtype == torch.uint8 else 1.0
    return tuple((low.double() / white).tolist()), tuple((high.double() / white).tolist())


def read_input_format(values: Mapping[str, Any], spec: DataSpec, where: object) -> InputFormat:
    """Return the input format in a run's file.

    Args:
        values: The content of the file.
        spec: The data of the run's model.
        where: The name of the file, for errors.

    Raises:
        GenzooError: The values are not an input format, or do not fit the model's data.
    """
    try:
        return InputFormat.from_json(values, spec.numel)
    except (TypeError, ValueError):
        raise GenzooError(
            f"{where} is damaged: it does not describe the data of this model", "copy it again, or delete it"
        ) from None
