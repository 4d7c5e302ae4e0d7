"""Dataset of arrays that a program holds in memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import genzoo
from genzoo.core.arrays import is_table, to_array
from genzoo.core.dataset import Split
from genzoo.core.errors import UsageError, did_you_mean
from genzoo.data.digest import digest
from genzoo.data.input_format import InputFormat
from genzoo.data.readers.as_examples import FORMS, as_examples
from genzoo.data.readers.columns import listed
from genzoo.data.readers.labels import numbered
from genzoo_plugins.own_data.base import Cut, InMemory, Parts, Scaled
from genzoo_plugins.own_data.npz import classes_in

MOST = 8
"""How many arrays are kept at once; the ones used longest ago are forgotten."""
DIGITS = 16
"""Hexadecimal digits by which a configuration names arrays; the run's record has all of them."""


class Kept(NamedTuple):
    """Examples that a program gave, and what they were."""

    parts: Parts
    source: str


_kept: OrderedDict[str, Kept] = OrderedDict()


class Arrays(InMemory):
    """Arrays, tensors and tables of a program: images [N, H, W], [N, H, W, C] or [N, C, H, W], or vectors [N, F].

    They are named by their contents. Another process has them only after they were given to it again.
    """

    @genzoo.config
    class Config(Scaled, Cut):
        contents: str = ""
        """The beginning of the SHA-256 of the examples and labels, which genzoo.run writes here."""

    @classmethod
    def keep(cls, x: Any, labels: Any = None) -> dict[str, Any]:
        """Keep examples for the runs of this process, and return the option that names them.

        Args:
            x: Examples, [N, …]: an array, a tensor or a table.
            labels: The class of each example, [N]; the name of a column of a table x; or None.

        Raises:
            UsageError: They are no examples: a wrong shape, texts, missing values.
        """
        if is_table(x):
            parts, source = of_table(x, labels)
        else:
            parts, source = of_array(to_array(x, "x"), InputFormat())
            parts = with_labels(parts, labels, "labels")
        source += "" if parts.train.y is None else f", {len(parts.classes)} classes"
        found = str(digest([parts.train]))[:DIGITS]
        _kept[found] = Kept(parts, f"given in Python: {source}")
        _kept.move_to_end(found)
        while len(_kept) > MOST:
            _kept.popitem(last=False)
        return {"contents": found}

    @classmethod
    def forget(cls, options: dict[str, Any]) -> None:
        """Forget the examples that `keep` named by these options."""
        _kept.pop(options["contents"], None)

    @property
    def kept(self) -> Kept:
        """The examples with the contents of the configuration.

        Raises:
            UsageError: This process has none of them.
        """
        named = self.config.contents
        if not named:
            hint = "in Python: genzoo.run(MODEL, x)\nof a file: --dataset npz --data.path FILE.npz, or --dataset csv"
            raise UsageError("this dataset is of arrays that a program holds, and none was given", hint)
        if named not in _kept:
            hint = "give them again, in Python: genzoo.resume(RUN, data=x)"
            raise UsageError(f"the arrays {named} were given to another process, and are not here", hint)
        return _kept[named]

    @property
    def source(self) -> str:
        return self.kept.source

    def parse(self) -> Parts:
        return self.kept.parts


def of_array(array: NDArray[Any], form: InputFormat) -> tuple[Parts, str]:
    """Return examples [N, …] as stored, and what they were in words."""
    what = f"x {array.dtype} {list(array.shape)}"
    if array.ndim < 2:
        one = "one example is x[None]; numbers, an example each, are x[:, None]"
        raise UsageError(f"x has shape {list(array.shape)}, and no axis of examples", f"{FORMS}\n{one}")
    refuse_missing(array)
    stored = as_examples(array, "x")
    x = stored.x[:]  # a file of NumPy that is mapped is read
    x = x.clone() if shares_memory(x, array) else x  # the program may change its own
    return Parts(Split(x), form=form if x.ndim == 2 else stored.form, notes=tuple(stored.notes)), what


def shares_memory(x: Tensor, array: NDArray[Any]) -> bool:
    """Return whether a tensor has the memory of an array."""
    return bool(np.shares_memory(x.numpy(), array))


def refuse_missing(array: NDArray[Any]) -> None:
    """Refuse values that are not finite, with the place of the first.

    Raises:
        UsageError: There is one.
    """
    if array.dtype.kind != "f":
        return
    wrong = ~np.isfinite(array)
    if not wrong.any():
        return
    place = tuple(int(axis) for axis in np.argwhere(wrong)[0])
    examples = int(wrong.reshape(len(array), -1).any(1).sum())
    what = f"x holds {array[place]} at {list(place)}; {examples:,} of {len(array):,} examples are not finite"
    keep = "x[numpy.isfinite(x).reshape(len(x), -1).all(1)]"
    raise UsageError(what, f"drop those examples, with their labels: {keep}; or replace the values")


def of_table(x: Any, labels: Any) -> tuple[Parts, str]:
    """Return a table of pandas or polars as examples, and what it was in words."""
    names = [str(name) for name in x.columns]
    columns = dict(zip(names, x.columns, strict=True))
    what = "labels"
    if isinstance(labels, str):
        if labels not in columns:
            meant = did_you_mean(labels, names)
            raise UsageError(f"labels: x has no column {labels!r}.{meant}", f"columns: {listed(names)}")
        what, labels = f"column {labels}", x[columns.pop(labels)]
    values = [numbers(np.asarray(x[column]), name) for name, column in columns.items()]
    if not values:
        raise UsageError("x has no column of numbers", "give a table of numbers")
    kept = tuple(columns)
    places = tuple(names.index(name) for name in kept)
    form = InputFormat(columns=kept, places=places, width=len(names))
    parts, source = of_array(np.stack(values, 1), form)
    return with_labels(parts, labels, what), f"{source}, columns {listed(kept)}"


def numbers(column: NDArray[Any], name: str) -> NDArray[Any]:
    """Return a column [N] as floats.

    Raises:
        UsageError: It holds something else, or values are missing.
    """
    try:
        values = column.astype(np.float64) if column.dtype.kind not in "USM" else None
    except (TypeError, ValueError):
        values = None
    if values is None:
        example = str(column[0])[:20] if len(column) else ""
        hint = f"x.drop(columns=[{name!r}]); if these are the classes: data={{'labels': {name!r}}}"
        raise UsageError(f"column {name} holds {example!r}, not numbers", hint)
    missing = int((~np.isfinite(values)).sum())
    if missing:
        what = f"column {name} has no number in {missing:,} of {len(values):,} rows"
        raise UsageError(what, "x.dropna(), or x.fillna(x.mean())")
    return values


def with_labels(parts: Parts, labels: Any, what: str) -> Parts:
    """Return examples with the class of each."""
    if labels is None:
        return parts
    names = np.asarray(labels.detach().cpu() if hasattr(labels, "detach") else labels)
    if names.dtype.kind == "O" and all(isinstance(name, str) for name in names.reshape(-1)):
        names = names.astype(str)
    classes, known = numbered(classes_in(names, len(parts.train.x), what))
    return parts._replace(train=parts.train._replace(y=torch.from_numpy(classes)), classes=known)
