"""Read idx files, the format of MNIST (specified on the MNIST page of LeCun, Cortes and Burges)."""

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
"""Bytes. A header that declares more is refused before memory is allocated."""
AGAIN = "copy it again"
MAX_RATIO = 100
"""The largest compression ratio of a gzip file; real images reach about 6."""


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of an idx file of unsigned bytes, gzip or not, in the shape of its header.

    Raises:
        GenzooError: The file is missing, is not an idx file, or has a length that does not match its header.
    """
    try:
        with open_regular(path) as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw
            shape = _shape(path, stream)
            size, stored = math.prod(shape), path.stat().st_size
            fits = size <= MAX_RATIO * stored if packed else size == stored - 4 - 4 * len(shape)
            if not fits or size > LARGEST:
                raise GenzooError(f"{path}: the header says {_times(shape)} bytes, the file does not hold them", AGAIN)
            # A bytearray and not bytes: torch needs writable memory.
            values = bytearray(stream.read(size))
            if len(values) != size or stream.read(1):
                raise GenzooError(f"{path}: the header says {_times(shape)} bytes, the file does not hold them", AGAIN)
    except (OSError, EOFError, zlib.error) as error:
        raise GenzooError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}", AGAIN) from error
    return np.frombuffer(values, np.uint8).reshape(shape)


def _shape(path: Path, stream: IO[bytes]) -> tuple[int, ...]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != UNSIGNED_BYTE or not 1 <= magic[3] <= 4:
        raise GenzooError(f"{path} is not an idx file of bytes: it starts with {magic.hex() or 'nothing'}", AGAIN)
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise GenzooError(f"{path} ends within its header", AGAIN)
    return tuple(int(n) for n in np.frombuffer(sizes, ">u4"))


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(f"{n}" for n in shape)
