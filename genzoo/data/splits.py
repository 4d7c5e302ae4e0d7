"""Dividing data into splits, reproducibly on every machine and in every version of torch."""

from __future__ import annotations

import torch
from torch import Tensor

from genzoo.core.dataset import Split, Splits
from genzoo.core.errors import UsageError
from genzoo.core.noise import keyed_bits
from genzoo.core.rows import Rows, in_place

SPLIT_KEY = 20240
WRONG = "its DataSpec(classes=…) and its labels must fit"


def fixed_permutation(n: int) -> Tensor:
    """The permutation of n examples that every split is cut from: the order of hashes of 0 … n − 1."""
    return keyed_bits(torch.tensor([SPLIT_KEY]), 0, n)[0].argsort(stable=True)


def take(split: Split, index: Tensor) -> Split:
    """The examples of a split at `index`, in that order; those of a memory-mapped one are not read."""
    x = in_place(split.x)
    return Split(x.take(index) if isinstance(x, Rows) else x[index], None if split.y is None else split.y[index])


def sample_of(split: Split, n: int) -> Split:
    """At most n examples by the fixed permutation: the part of the training data that is evaluated."""
    return split if len(split.x) <= n else take(split, fixed_permutation(len(split.x))[:n].sort().values)


def refuse_odd_labels(splits: Splits, classes: int, name: str) -> None:
    """Refuses labels that are no classes: where they are looked up, a GPU would take the process with it.

    Raises:
        UsageError: Naming one of them.
    """
    for part in filter(None, splits):
        if classes and part.y is not None and len(part.y):
            odd = [label for label in (int(part.y.min()), int(part.y.max())) if not 0 <= label < classes]
            if odd:
                wanted = f"{classes} classes, 0 to {classes - 1}"
                raise UsageError(f"dataset {name} has the label {odd[0]}, and says that there are {wanted}", WRONG)


def hold_out(split: Split, n: int) -> tuple[Split, Split | None]:
    """Takes n examples away for validation, by the fixed permutation.

    Returns:
        What remains, in its original order, and the validation split (None for n = 0).

    Raises:
        UsageError: Nothing would remain to train on.
    """
    total = len(split.x)
    if n == 0:
        return split, None
    if n >= total:
        raise UsageError(f"--data.validation {n} leaves nothing to train on: there are {total:,} training examples")
    order = fixed_permutation(total)
    return take(split, order[n:].sort().values), take(split, order[:n].sort().values)
