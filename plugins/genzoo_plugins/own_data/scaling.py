"""Scaling of the columns of vectors, and warnings about columns that need it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

from genzoo.core.dataset import Split
from genzoo.core.errors import UsageError
from genzoo.core.rows import Rows, chunks
from genzoo.core.text import counted
from genzoo.data.input_format import InputFormat
from genzoo.data.readers.columns import listed
from genzoo.data.splits import sample_of

if TYPE_CHECKING:
    from genzoo_plugins.own_data.base import Parts

Scale = Literal["none", "standard", "unit"]
LOOKED_AT = 10_000
"""Examples of a memory-mapped file whose columns are checked."""
LARGE, SMALL = 20.0, 0.05
"""Root mean square of a column above which a warning is given, and of the largest one below which it is."""


class Statistics(NamedTuple):
    """Statistics of each column of vectors, [F] float64. Missing values are left out."""

    mean: Tensor
    deviation: Tensor
    """The standard deviation."""
    low: Tensor
    """The smallest value."""
    high: Tensor
    """The largest value."""


def statistics(split: Split) -> Statistics:
    """Return the statistics of each column. They are 0 for a column without values."""
    count = total = low = high = torch.zeros(())
    for number, chunk in enumerate(chunks(split.x)):
        x = chunk.double()
        known = ~x.isnan()
        count, total = count + known.sum(0), total + x.nansum(0)
        small = torch.where(known, x, torch.inf).amin(0)
        large = torch.where(known, x, -torch.inf).amax(0)
        low, high = (small, large) if not number else (torch.minimum(low, small), torch.maximum(high, large))
    mean, squares = total / count.clamp_min(1), torch.zeros(())
    for chunk in chunks(split.x):
        squares = squares + (chunk.double() - mean).square().nansum(0)
    deviation = (squares / count.clamp_min(1)).sqrt()
    return Statistics(mean, deviation, *(torch.where(count > 0, value, 0.0) for value in (low, high)))


def fitted(form: InputFormat, train: Split, scale: Scale, what: str) -> InputFormat:
    """Return the form with replacements for missing values and the scaling, fitted on the training data.

    Raises:
        UsageError: Scaling was requested, and the data are images or memory-mapped.
    """
    if scale != "none" and len(train.x.shape) != 2:
        raise UsageError(f"--data.scale={scale} is for vectors; {what} holds images", "--standardize global")
    if scale != "none" and isinstance(train.x, Rows):
        raise UsageError(
            f"--data.scale {scale}: {what} is read from the disk and cannot be scaled", "scale it beforehand"
        )
    missing = isinstance(train.x, Tensor) and len(train.x.shape) == 2 and form.width > 0
    if scale == "none" and not missing:
        return form
    found = statistics(train)
    form = replace(form, fill=tuple(found.mean.tolist())) if missing else form
    if scale == "none":
        return form
    shift, spread = (found.mean, found.deviation) if scale == "standard" else (found.low, found.high - found.low)
    spread = torch.where(spread > 0, spread, 1.0)
    return replace(form, shift=tuple(shift.tolist()), scale=tuple(spread.tolist()))


def scaled(parts: Parts, form: InputFormat) -> Parts:
    """Return all splits as stored: missing values replaced, columns scaled."""
    if not (form.fill or form.scale):
        return parts
    train, validation, test = (
        part and part._replace(x=form.scaled(part.x) if isinstance(part.x, Tensor) else part.x) for part in parts[:3]
    )
    assert train is not None
    return parts._replace(train=train, validation=validation, test=test)


def remarks(train: Split, form: InputFormat) -> tuple[list[str], list[str]]:
    """Return notes about columns of vectors that never change, and warnings about values far from 1."""
    if len(train.x.shape) != 2:
        return [], []
    found = statistics(sample_of(train, LOOKED_AT) if isinstance(train.x, Rows) else train)
    names = list(form.columns) or [str(place + 1) for place in range(len(found.mean))]
    still = (found.low == found.high).nonzero()[:, 0].tolist()
    notes = []
    if still and len(train.x) > 1:
        which = listed([names[place] for place in still])
        notes.append(f"{counted(len(still), 'column')} of {len(names):,} never change in the training data: {which}")
    size = (found.mean.square() + found.deviation.square()).sqrt()
    order = size.argsort(descending=True, stable=True).tolist()
    tiny = 0 < size[order[0]] < SMALL
    odd = order if tiny else [place for place in order if size[place] > LARGE]
    if not odd:
        return notes, []
    examples = ", ".join(f"{names[p]} ({found.low[p]:g} … {found.high[p]:g})" for p in odd[:3])
    more = f" and {len(odd) - 3:,} more" if len(odd) > 3 else ""
    suggestion = "--data.scale=standard brings each column to mean 0 and standard deviation 1"
    suggestion = "--standardize=global brings them to one scale" if isinstance(train.x, Rows) else suggestion
    return notes, [f"columns with {'small' if tiny else 'large'} values: {examples}{more}: {suggestion}"]
