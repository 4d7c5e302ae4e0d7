"""The identity of data: what they hold, whatever they are called and wherever they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from torch import Tensor

from genzoo.core.dataset import Split, Splits


def digest(splits: Splits) -> str | None:
    """Return the SHA-256 of all examples and labels of all splits, as 64 hexadecimal digits.

    Equal data have equal digests, whatever their files are called. Returns None where a split is read from disk as it
    is needed: to hash such data would mean to read all of them.
    """
    total = hashlib.sha256()
    for split in splits:
        part = b"none" if split is None else _of_split(split)
        if part is None:
            return None
        total.update(part)
    return total.hexdigest()


def digest_of(parts: Iterable[Tensor]) -> str:
    """Return the SHA-256 of tensors, the next after the last, without their shapes: 64 hexadecimal digits."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.detach().cpu().contiguous().numpy().data)
    return total.hexdigest()


def _of_split(split: Split) -> bytes | None:
    """The hash of one split; shapes and number types are part of it."""
    known = hashlib.sha256()
    for values in split:
        if not isinstance(values, (Tensor, type(None))):
            return None
        if values is None:
            known.update(b"none")
            continue
        known.update(f"{values.dtype}{tuple(values.shape)}".encode())
        known.update(values.detach().cpu().contiguous().numpy().data)
    return known.digest()
