"""Examples that stay where they are, such as in a memory-mapped file, and are read a few at a time."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genzoo.core.errors import GenzooError

CHUNK = 4096
CHUNK_VALUES = 1 << 22
"""Values that are looked at together: 32 MB as whole numbers of 64 bits."""


class Rows:
    """The rows of an array at an index. `len`, `shape`, `dtype`, `split` and what indexing gives are as a tensor's.

    A dataset that is larger than memory returns one as `Split.x`: nothing in genzoo reads it whole unless it fits.

    Args:
        store: [M, *S] uint8 or float32: a memory-mapped array (`numpy.memmap`), or anything that is not to be copied.
        index: [N] int64, which rows and in which order; None: all.
        path: The file that it lies in; known already for `numpy.memmap`.
        dtype: What the values become when they are read, uint8 or float32; None: as they are stored.
        factor: What they are multiplied by then.
    """

    _bytes = 0  # the file's length when it was mapped

    def __init__(
        self,
        store: NDArray[Any] | Tensor,
        index: Tensor | None = None,
        path: Path | None = None,
        dtype: np.dtype[Any] | None = None,
        factor: float = 1,
    ) -> None:
        if path is None and isinstance(store, np.memmap) and store.filename:
            path = Path(store.filename)
        self.store: NDArray[Any] = store.numpy() if isinstance(store, Tensor) else np.asarray(store)
        self.index = index
        self.path = path
        self.shape = torch.Size((len(self.store) if index is None else len(index), *self.store.shape[1:]))
        self.dtype = torch.from_numpy(np.empty(0, dtype or self.store.dtype)).dtype
        self.factor = factor
        self._bytes = self._length() if path else 0

    def __len__(self) -> int:
        return self.shape[0]

    def numel(self) -> int:
        """How many values."""
        return math.prod(self.shape)

    def take(self, index: Tensor) -> Rows:
        """The rows at `index` [K], which are not read yet."""
        taken = copy.copy(self)
        taken.index = index if self.index is None else self.index[index]
        taken.shape = torch.Size((len(index), *self.shape[1:]))
        return taken

    def read(self, index: Tensor, out: Tensor | None = None) -> Tensor:
        """The rows at `index` [K], an int64 tensor on the CPU, as a tensor [K, *S] there: `out`, or a new one.

        Raises:
            GenzooError: The file cannot be read, or is shorter than it was.
        """
        out = torch.empty((len(index), *self.shape[1:]), dtype=self.dtype) if out is None else out
        where = (index if self.index is None else self.index[index]).numpy()
        self._refuse_a_shorter_file()
        try:
            # Without "clip" numpy takes into a buffer first; a store with other strides it would copy whole.
            if self.store.flags.c_contiguous and out.numpy().dtype == self.store.dtype:
                np.take(self.store, where, axis=0, out=out.numpy(), mode="clip")
            else:
                out.numpy()[...] = self.store[where]
        except OSError as error:
            raise GenzooError(f"{self.path or 'the data'}: {error.strerror or error}", "copy it again") from error
        return out if self.factor == 1 else out.mul_(self.factor)

    def __getitem__(self, key: int | slice | Tensor) -> Tensor:
        if isinstance(key, Tensor):
            return self.read(key.cpu())
        if isinstance(key, slice):
            return self.read(torch.arange(*key.indices(len(self))))
        return self.read(torch.tensor([range(len(self))[key]]))[0]

    def split(self, size: int) -> Iterator[Tensor]:
        """Tensors [size, *S], the last one perhaps of fewer, read one at a time."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def _length(self) -> int:
        assert self.path is not None
        try:
            return os.stat(self.path).st_size
        except FileNotFoundError:  # deleted or moved: the mapping still has it
            return self._bytes
        except OSError as error:
            raise GenzooError(f"{self.path}: {error.strerror}", "is the disk still there?") from error

    def _refuse_a_shorter_file(self) -> None:
        """Reading a mapping beyond the end of its file would end the process without a word."""
        if self.path is None:
            return
        length = self._length()
        if length < self._bytes:
            raise GenzooError(
                f"{self.path} was cut short while it was in use: {length:,} of {self._bytes:,} bytes", "copy it again"
            )


Examples = Tensor | Rows
"""What a split holds: in memory, or where it lies."""


def in_place(x: Examples | NDArray[Any]) -> Examples:
    """A memory-mapped array or tensor as rows that are not copied; anything else as it is."""
    if isinstance(x, np.ndarray):
        return Rows(x) if isinstance(x, np.memmap) else torch.from_numpy(x)
    file = x.untyped_storage().filename if isinstance(x, Tensor) and x.device.type == "cpu" else None
    return Rows(x, path=Path(file)) if file and isinstance(x, Tensor) else x


def chunks(x: Examples) -> Iterator[Tensor]:
    """All of x in pieces [≤ 4096, *S] that are small enough to compute with."""
    size = CHUNK_VALUES // max(math.prod(x.shape[1:]), 1)
    yield from x.split(max(1, min(CHUNK, size)))
