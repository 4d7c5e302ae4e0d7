"""Dividing data into splits, with equal results on every machine and in every version of torch."""

from __future__ import annotations

import torch
from torch import Tensor

from genzoo.core.dataset import UNKNOWN, Split, Splits
from genzoo.core.errors import UsageError
from genzoo.core.noise import derive_seed, keyed_bits
from genzoo.core.options import Count
from genzoo.core.rows import Rows, in_place

SPLIT_KEY = 20240
Labelled = Count | None
"""The option of a dataset for the number of labels that training has; None: all."""
WRONG = "its DataSpec(classes=…) and its labels must fit"


def fixed_permutation(n: int) -> Tensor:
    """Return the permutation [n] that splits are cut from: the order of the hashes of 0 … n − 1."""
    return keyed_bits(torch.tensor([SPLIT_KEY]), 0, n)[0].argsort(stable=True)


def take(split: Split, index: Tensor) -> Split:
    """Return the examples of a split at `index`, in that order; a memory-mapped split is not read."""
    x = in_place(split.x)
    y, factors = (None if part is None else part[index] for part in (split.y, split.factors))
    return Split(x.take(index) if isinstance(x, Rows) else x[index], y, factors)


def sample_of(split: Split, n: int) -> Split:
    """Return at most n examples of a split, chosen by the fixed permutation, in their original order."""
    return split if len(split.x) <= n else take(split, fixed_permutation(len(split.x))[:n].sort().values)


def refuse_odd_labels(splits: Splits, classes: int, name: str) -> None:
    """Refuse labels outside 0 … classes − 1, other than −1 for an unknown class.

    On a GPU, indexing with such a label ends the whole process.

    Raises:
        UsageError: There is such a label; it is named.
    """
    for part in filter(None, splits):
        if classes and part.y is not None and len(part.y):
            odd = [label for label in (int(part.y.min()), int(part.y.max())) if not UNKNOWN <= label < classes]
            if odd:
                wanted = f"{classes} classes, 0 to {classes - 1}"
                raise UsageError(f"dataset {name} has the label {odd[0]}, but its spec has {wanted}", WRONG)


def hold_out(split: Split, n: int) -> tuple[Split, Split | None]:
    """Hold out n examples for validation, chosen by the fixed permutation.

    Returns:
        The remaining examples, in their original order, and the validation split (None for n = 0).

    Raises:
        UsageError: No training example would remain.
    """
    total = len(split.x)
    if n == 0:
        return split, None
    if n >= total:
        raise UsageError(f"--data.validation {n} leaves nothing to train on: there are {total:,} training examples")
    order = fixed_permutation(total)
    return take(split, order[n:].sort().values), take(split, order[:n].sort().values)


def with_labels_of(split: Split, n: int | None, classes: int, seed: int = 0) -> Split:
    """Keep the labels of n examples, equally many of each class; the others are of unknown class, −1.

    Args:
        split: Examples with labels.
        n: Number of labels; None: keep all.
        classes: Number of classes. If n is not a multiple of it, the first classes have one label more.
        seed: Of the choice.

    Raises:
        UsageError: n is larger than a class allows.
    """
    if n is None:
        return split
    assert split.y is not None
    hashes = keyed_bits(torch.tensor([derive_seed(seed, "labelled")]), 0, len(split.y))[0]
    order = hashes.argsort(stable=True)
    y = torch.full_like(split.y, UNKNOWN)
    for number in range(classes):
        wanted = n // classes + (number < n % classes)
        chosen = order[split.y[order] == number][:wanted]
        if len(chosen) < wanted:
            raise UsageError(
                f"--data.labelled {n} takes {wanted} labels of each class; class {number} has {len(chosen)} examples",
                f"at most --data.labelled {classes * int(split.y.bincount(minlength=classes).min())}",
            )
        y[chosen] = number
    return split._replace(y=y)
