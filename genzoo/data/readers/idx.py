"""Reading idx files, the format of MNIST and its kin (described on LeCun, Cortes & Burges's MNIST page)."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from genzoo.core.errors import GenzooError
from genzoo.system.reading import open_regular

UNSIGNED_BYTE = 0x08
LARGEST = 1 << 32
"""Bytes; a header that asks for more is refused before anything is allocated."""
AGAIN = "copy it again"
DENSEST = 100
"""How many times its own size a gzip file may unpack to; real images reach about 6."""


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array in an idx file of unsigned bytes, gzip or not, in the shape that its header states.

    Raises:
        GenzooError: No such file, no idx file, or one that is longer or shorter than its header says.
    """
    try:
        with open_regular(path) as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw
            shape = _shape(path, stream)
            size, stored = math.prod(shape), path.stat().st_size
            fits = size <= DENSEST * stored if packed else size == stored - 4 - 4 * len(shape)
            if not fits or size > LARGEST:
                raise GenzooError(f"{path}: the header says {_times(shape)} bytes, the file does not hold them", AGAIN)
            # frombuffer over a bytearray, not bytes: torch wants to be able to write to it.
            values = bytearray(stream.read(size))
            if len(values) != size or stream.read(1):
                raise GenzooError(f"{path}: the header says {_times(shape)} bytes, the file does not hold them", AGAIN)
    except (OSError, EOFError, zlib.error) as error:
        raise GenzooError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}", AGAIN) from error
    return np.frombuffer(values, np.uint8).reshape(shape)


def _shape(path: Path, stream: IO[bytes]) -> tuple[int, ...]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != UNSIGNED_BYTE or not 1 <= magic[3] <= 4:
        raise GenzooError(f"{path} is no idx file of bytes: it starts with {magic.hex() or 'nothing'}", AGAIN)
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise GenzooError(f"{path} ends within its header", AGAIN)
    return tuple(int(n) for n in np.frombuffer(sizes, ">u4"))


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(f"{n}" for n in shape)
