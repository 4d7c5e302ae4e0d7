"""A digest of the content of data, independent of names and locations of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from torch import Tensor

from genzoo.core.dataset import Split


def digest(splits: Iterable[Split | None]) -> str | None:
    """Return the SHA-256 of all examples and labels of all splits, as 64 hexadecimal digits.

    Return None if a split is memory-mapped: a digest would need to read the whole file.
    """
    total = hashlib.sha256()
    for split in splits:
        part = b"none" if split is None else _of_split(split)
        if part is None:
            return None
        total.update(part)
    return total.hexdigest()


def digest_of(parts: Iterable[Tensor]) -> str:
    """Return the SHA-256 of the concatenated values of tensors, without their shapes, as 64 hexadecimal digits."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.detach().cpu().contiguous().numpy().data)
    return total.hexdigest()


def _of_split(split: Split) -> bytes | None:
    """Return the SHA-256 of a split: shapes, dtypes and values. Return None for memory-mapped data."""
    known = hashlib.sha256()
    for values in split if split.factors is not None else (split.x, split.y):
        if not isinstance(values, (Tensor, type(None))):
            return None
        if values is None:
            known.update(b"none")
            continue
        known.update(f"{values.dtype}{tuple(values.shape)}".encode())
        known.update(values.detach().cpu().contiguous().numpy().data)
    return known.digest()
