"""Examples that are not loaded into memory: they are read a few at a time, for example from a memory-mapped file."""

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
"""Maximum number of values processed together: 32 MB as 64-bit integers."""


class Rows:
    """Selected rows of an array. `len`, `shape`, `dtype`, `split` and indexing work as for a tensor.

    A dataset that is larger than memory returns one as `Split.x`: genzoo reads it as a whole only if it fits.

    Args:
        store: [M, *S] uint8, float32 or integers: a memory-mapped array (`numpy.memmap`), or an array that must not be
            copied.
        index: [N] int64, the rows and their order; None: all rows.
        path: The file of the array; known already for `numpy.memmap`.
        dtype: The type after reading, uint8 or float32; None: as stored.
        factor: The values are multiplied by this after reading.
    """

    _bytes = 0  # the length of the file when it was mapped

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
        """Return the number of values."""
        return math.prod(self.shape)

    def take(self, index: Tensor) -> Rows:
        """Select the rows at `index` [K] without reading them."""
        taken = copy.copy(self)
        taken.index = index if self.index is None else self.index[index]
        taken.shape = torch.Size((len(index), *self.shape[1:]))
        return taken

    def read(self, index: Tensor, out: Tensor | None = None) -> Tensor:
        """Read the rows at `index` [K], an int64 tensor on the CPU, into `out` or a new CPU tensor [K, *S].

        Raises:
            GenzooError: The file cannot be read, or became shorter.
        """
        out = torch.empty((len(index), *self.shape[1:]), dtype=self.dtype) if out is None else out
        where = (index if self.index is None else self.index[index]).numpy()
        self._refuse_a_shorter_file()
        try:
            # Without "clip" numpy reads into a buffer first. It would copy the whole of a store that is not contiguous.
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
        """Return an iterator of tensors [≤ size, *S], read one at a time."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def _length(self) -> int:
        assert self.path is not None
        try:
            return os.stat(self.path).st_size
        except FileNotFoundError:  # deleted or moved: the mapping is still valid
            return self._bytes
        except OSError as error:
            raise GenzooError(f"{self.path}: {error.strerror}", "is the disk still there?") from error

    def _refuse_a_shorter_file(self) -> None:
        """Refuse a file that became shorter: reading a mapping beyond its end would kill the process silently."""
        if self.path is None:
            return
        length = self._length()
        if length < self._bytes:
            raise GenzooError(
                f"{self.path} was cut short while it was in use: {length:,} of {self._bytes:,} bytes", "copy it again"
            )


Examples = Tensor | Rows
"""The examples of a split: a tensor, or rows that are not in memory."""


def in_place(x: Examples | NDArray[Any]) -> Examples:
    """Return a memory-mapped array or tensor as `Rows`, without a copy, and any other array or tensor as a tensor."""
    if isinstance(x, np.ndarray):
        return Rows(x) if isinstance(x, np.memmap) else torch.from_numpy(x)
    file = x.untyped_storage().filename if isinstance(x, Tensor) and x.device.type == "cpu" else None
    return Rows(x, path=Path(file)) if file and isinstance(x, Tensor) else x


def chunks(x: Examples) -> Iterator[Tensor]:
    """Yield all of x in chunks [≤ 4096, *S] of a bounded size."""
    size = CHUNK_VALUES // max(math.prod(x.shape[1:]), 1)
    yield from x.split(max(1, min(CHUNK, size)))
