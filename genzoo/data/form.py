"""The form of a run's data: what files that are given later are read by, and compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split
from genzoo.core.errors import GenzooError
from genzoo.core.rows import Rows, chunks
from genzoo.data.readers.columns import Known
from genzoo.data.splits import sample_of

FAR = 1.0
"""How many times the range of the training values a value may lie beyond it."""
FEW = 1e-6
WHITE = 255
"""In images of whole numbers."""
RANGED = 10_000
"""Examples of a file that is not read into memory whose range is looked at."""


@dataclass(frozen=True)
class Form:
    """What the training data looked like. For images each list of numbers has one, for vectors one a column."""

    columns: tuple[str, ...] = ()
    """Their names; () without any."""
    places: tuple[int, ...] = ()
    """Where they stood in the table, from 0."""
    width: int = 0
    """How many columns the table had, those included that were left out; 0: it was no table."""
    fill: tuple[float, ...] = ()
    """What missing values were filled in with."""
    shift: tuple[float, ...] = ()
    """What was subtracted from each column before …"""
    scale: tuple[float, ...] = ()
    """… it was divided by this; () where columns were taken as they are."""
    low: tuple[float, ...] = ()
    """The smallest values, as they were stored: images on the scale from 0 to 1."""
    high: tuple[float, ...] = ()
    """The largest ones."""
    white: int = 0
    """What stands for white in arrays of images: 255, 65535, or 1 for floats and for 0/1; 0 where unknown."""
    first: bool = False
    """Whether arrays of images had their channels before height and width."""

    @property
    def known(self) -> Known | None:
        """The columns of a table; None where there was no table."""
        return Known(self.columns, self.places, self.width) if self.width else None

    def to_json(self) -> dict[str, Any]:
        """As it is written: only what is known."""
        return {name: value for name, value in asdict(self).items() if value not in ((), 0, False)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], numel: int) -> Form:
        """The inverse of `to_json`.

        Raises:
            ValueError: A value of another type, or a list of another length than there are columns.
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
        """Vectors [N, F] as their file has them → as they are stored: missing values filled in, columns scaled."""
        if self.fill:
            x = torch.where(x.isnan(), torch.tensor(self.fill, dtype=x.dtype), x)
        if not self.scale:
            return x
        shift, scale = (torch.tensor(part, dtype=torch.float64) for part in (self.shift, self.scale))
        return ((x.double() - shift) / scale).float()

    def unscaled(self, x: Tensor) -> Tensor:
        """Vectors [N, F] as they are stored → in the units of their file."""
        if not self.scale:
            return x
        shift, scale = (torch.tensor(part, dtype=torch.float64) for part in (self.shift, self.scale))
        return (x.double() * scale + shift).float()

    def far_out(self, x: Tensor) -> str:
        """What of examples [N, *S], as stored, lies far beyond the training data, in a few words; "" if nothing."""
        if not self.low or not self.high:
            return ""
        white = 255.0 if x.dtype == torch.uint8 else 1.0
        low, high = (torch.tensor(part, dtype=torch.float64) for part in (self.low, self.high))
        margin = FAR * (high - low) + FEW * (1 + torch.maximum(low.abs(), high.abs()))
        count, example = 0, ""
        for chunk in chunks(x):
            flat = chunk.flatten(1).double() / white
            outside = (flat < low - margin) | (flat > high + margin)
            count += int(outside.any(1).sum())
            if count and not example:
                row, place = outside.nonzero()[0].tolist()
                example = self._told(float(flat[row, place]), place)
        return f"{count:,} of {len(x):,} examples lie far outside the training data, such as {example}" if count else ""

    def _told(self, value: float, place: int) -> str:
        """A value, its column, and the range that the training data had there."""
        column = min(place, len(self.low) - 1)
        shift, scale = (self.shift[column], self.scale[column]) if self.scale else (0.0, 1.0)
        shown, low, high = (number * scale + shift for number in (value, self.low[column], self.high[column]))
        where = f" in column {(self.columns or range(1, len(self.low) + 1))[column]}" if len(self.low) > 1 else ""
        return f"{shown:g}{where}, which had {low:g} to {high:g}"


@runtime_checkable
class Formed(Protocol):
    """What a dataset may have besides: how its files are read."""

    @property
    def form(self) -> Form:
        """Known once it is loaded; the ranges are found by others."""
        ...


def form_of(dataset: object, train: Split, spec: DataSpec) -> Form:
    """The form of a dataset, with the ranges of its training data."""
    form = dataset.form if isinstance(dataset, Formed) else Form()
    low, high = ranges(train, spec)
    white = (WHITE if train.x.dtype == torch.uint8 else 1) if spec.is_image and not form.white else form.white
    return replace(form, low=low, high=high, white=white)


def ranges(train: Split, spec: DataSpec) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The smallest and the largest training values: of all together for images, of each column for vectors."""
    low = high = None
    train = sample_of(train, RANGED) if isinstance(train.x, Rows) else train
    for chunk in chunks(train.x):
        flat = chunk.reshape(-1, 1) if spec.is_image else chunk.flatten(1)
        small, large = flat.amin(0), flat.amax(0)
        low = small if low is None else torch.minimum(low, small)
        high = large if high is None else torch.maximum(high, large)
    if low is None or high is None:
        return (), ()
    white = 255.0 if train.x.dtype == torch.uint8 else 1.0
    return tuple((low.double() / white).tolist()), tuple((high.double() / white).tolist())


def read_form(values: Mapping[str, Any], spec: DataSpec, where: object) -> Form:
    """The form that a run states.

    Raises:
        GenzooError: It is none, or of other data than the model's.
    """
    try:
        return Form.from_json(values, spec.numel)
    except (TypeError, ValueError):
        raise GenzooError(
            f"{where} is damaged: it describes no data of this model", "copy it again, or delete it"
        ) from None
