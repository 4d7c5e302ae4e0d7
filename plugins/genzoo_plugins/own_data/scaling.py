"""Bringing the columns of vectors to one scale, and saying where that is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

from genzoo.core.dataset import Split
from genzoo.core.errors import UsageError
from genzoo.core.rows import Rows, chunks
from genzoo.data.input_format import InputFormat
from genzoo.data.readers.columns import counted, listed
from genzoo.data.splits import sample_of

if TYPE_CHECKING:
    from genzoo_plugins.own_data.base import Parts

Scale = Literal["none", "standard", "unit"]
LOOKED_AT = 10_000
"""Examples of a file that is not read into memory."""
LARGE = 20.0
"""Root of the mean square of a column from which on its scale is worth a warning."""


class Statistics(NamedTuple):
    """Of each column [F] of some vectors, in double precision; missing values left out."""

    mean: Tensor
    deviation: Tensor
    low: Tensor
    high: Tensor


def statistics(split: Split) -> Statistics:
    """The statistics of each column; of one without any value they are 0."""
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
    """The form with what missing values become and how columns are scaled, found on the training data.

    Raises:
        UsageError: The data are images, or too large to be scaled.
    """
    if scale != "none" and len(train.x.shape) != 2:
        raise UsageError(f"--data.scale {scale} is for vectors; {what} holds images", "--standardize global")
    if scale != "none" and isinstance(train.x, Rows):
        raise UsageError(f"--data.scale {scale}: {what} stays on the disk as it is", "scale it beforehand")
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
    """All parts as they are stored."""
    if not (form.fill or form.scale):
        return parts
    found = [
        part and part._replace(x=form.scaled(part.x) if isinstance(part.x, Tensor) else part.x) for part in parts[:3]
    ]
    assert found[0] is not None
    return parts._replace(train=found[0], validation=found[1], test=found[2])


def remarks(train: Split, form: InputFormat) -> tuple[list[str], list[str]]:
    """Notes and warnings on the columns of vectors: those that never change, and those whose scale is large."""
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
    large = [place for place in size.argsort(descending=True, stable=True).tolist() if size[place] > LARGE]
    if not large:
        return notes, []
    examples = ", ".join(f"{names[p]} ({found.low[p]:g} … {found.high[p]:g})" for p in large[:3])
    more = f" and {len(large) - 3:,} more" if len(large) > 3 else ""
    suggestion = "--data.scale standard brings each column to mean 0 and deviation 1"
    suggestion = "--standardize global brings them to one scale" if isinstance(train.x, Rows) else suggestion
    return notes, [f"columns of a large scale: {examples}{more}: {suggestion}"]
