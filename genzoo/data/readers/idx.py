"""Read idx files, the format of MNIST (specified on the MNIST page of LeCun, Cortes and Burges)."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from genzoo.core.errors import GenzooError
from genzoo.system.reading import open_regular

TYPES: dict[int, np.dtype[Any]] = {0x08: np.dtype(np.uint8), 0x0C: np.dtype(">i4")}
"""The numpy type of each supported type of value: unsigned bytes, and integers of four bytes."""
LARGEST = 1 << 32
"""Bytes. A header that declares more is refused before memory is allocated."""
AGAIN = "copy it again"
MAX_RATIO = 100
"""The largest compression ratio of a gzip file; real images reach about 6."""


def read_idx(path: Path) -> NDArray[np.integer[Any]]:
    """Return the array of an idx file of bytes or 32-bit integers, gzip or not, in the shape of its header.

    Raises:
        GenzooError: The file is missing, is not an idx file, or has a length that does not match its header.
    """
    try:
        with open_regular(path) as raw:
            return read_idx_stream(raw, path, path.stat().st_size)
    except (OSError, EOFError, zlib.error) as error:
        raise GenzooError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}", AGAIN) from error


def read_idx_stream(raw: IO[bytes], name: object, stored: int) -> NDArray[np.integer[Any]]:
    """Return the array of an idx file that is open; see `read_idx`.

    Args:
        raw: The file, gzip or not, which can seek.
        name: Its name, for errors.
        stored: Its bytes.
    """
    packed = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw
    kind, shape = _header(name, stream)
    size = math.prod(shape) * kind.itemsize
    fits = size <= MAX_RATIO * stored if packed else size == stored - 4 - 4 * len(shape)
    # A bytearray and not bytes: torch needs writable memory.
    values = bytearray(stream.read(size)) if fits and size <= LARGEST else bytearray()
    if not fits or len(values) != size or stream.read(1):
        each = "bytes" if kind.itemsize == 1 else f"values of {kind.itemsize} bytes"
        raise GenzooError(f"{name}: the header says {_times(shape)} {each}, the file does not hold them", AGAIN)
    array = np.frombuffer(values, kind).reshape(shape)
    return array if kind.isnative else array.astype(kind.newbyteorder("="))


def _header(path: object, stream: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or not 1 <= magic[3] <= 4:
        raise GenzooError(f"{path} is not an idx file of bytes: it starts with {magic.hex() or 'nothing'}", AGAIN)
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise GenzooError(f"{path} ends within its header", AGAIN)
    return TYPES[magic[2]], tuple(int(n) for n in np.frombuffer(sizes, ">u4"))


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(f"{n}" for n in shape)
