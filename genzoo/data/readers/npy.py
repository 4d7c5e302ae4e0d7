"""Read untrusted .npy and .npz files: no unpickling, and sizes checked before memory is allocated."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from genzoo.core.errors import UsageError
from genzoo.system.reading import open_regular, unread

LARGEST = 1 << 32
"""Bytes of one array. A header that declares more is refused before memory is allocated."""
SUSPICIOUS = 1 << 26
"""Bytes of one array from which its compression ratio is checked."""
MAX_RATIO = 300
"""The largest compression ratio of an array of more than SUSPICIOUS bytes; MNIST, mostly zeros, reaches 5."""
LONGEST_HEADER = 10_000
"""Bytes of the header of an array; numpy's own limit."""
PARTS = {"train": "_train", "validation": "_validation", "val": "_validation", "valid": "_validation", "test": "_test"}
WORDS = {
    "x": ("x", "data", "images", "image", "features", "inputs", "arr_0"),
    "y": ("y", "labels", "label", "targets", "target", "classes", "arr_1"),
}
"""Common names for the arrays x (examples) and y (classes)."""
READABLE = "write plain numbers: numpy.savez(FILE, x=…, y=…)"


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays of an .npz file; ["x"] for an .npy file.

    Raises:
        UsageError: The file is neither.
    """
    if path.suffix.lower() == ".npy":
        return ["x"]
    with _readable(path), open_regular(path) as file, zipfile.ZipFile(file) as archive:
        return [info.filename.removesuffix(".npy") for info in archive.infolist()]


def key_of(name: str) -> str | None:
    """Return x, y, x_train, y_test, … for a name such as x, train_labels or X_val; None for other names."""
    words = name.lower()
    for part, end in {"": "", **PARTS}.items():
        for letter, usual in WORDS.items():
            forms = [f"{word}_{part}" for word in usual] + [f"{part}_{word}" for word in usual] if part else usual
            if words in forms:
                return letter + end
    return None


def read_arrays(path: Path, known: Callable[[str], bool] = lambda name: True) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz file by name, or the array of an .npy file under the name "x".

    Args:
        path: The file.
        known: Which names to read; others are skipped.

    Raises:
        UsageError: The file cannot be read, is neither, holds pickled objects, or declares more than it can hold.
    """
    with _readable(path), open_regular(path) as file:
        if path.suffix.lower() == ".npy":
            stored = path.stat().st_size
            return {"x": _read(path, "", file, lambda: open_regular(path), stored, stored)}
        with zipfile.ZipFile(file) as archive:
            members = [(info.filename.removesuffix(".npy"), info) for info in archive.infolist()]
            wanted = [(name, info) for name, info in members if known(name)]
            _refuse_together(path, [info for _, info in wanted])
            return {name: _read_member(path, archive, info, name) for name, info in wanted}


def read_examples(path: Path, name: str = "") -> NDArray[Any]:
    """Return the array of examples of a file, under any common name.

    Args:
        path: An .npy or .npz file.
        name: Name of the array in the training data; "" for a common one.

    Raises:
        UsageError: There is no such array, or more than one.
    """
    names = array_names(path)
    common = [key for key in names if key_of(key) in ("x", "x_test")]
    wanted = next((key for key in (name, "x") if key in names), common[0] if len(common) == 1 else "x")
    arrays = read_arrays(path, lambda key: key == wanted)
    if wanted not in arrays:
        raise UsageError(f"{path} has no array x", "numpy.savez(FILE, x=…)")
    return arrays[wanted]


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn errors inside into one `UsageError`."""
    try:
        yield
    except OSError as error:
        raise UsageError(unread(path, error), "name an .npy or .npz file") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError):
        raise UsageError(f"{path} is not an .npz archive, or is damaged", READABLE) from None


def map_array(path: Path) -> NDArray[Any]:
    """Memory-map the array of an .npy file of any size. Only its header is read.

    Raises:
        UsageError: The file cannot be opened, is damaged, or is not uint8 or float32 in C order.
    """
    try:
        with open_regular(path) as file:
            shape, fortran, dtype = _header(str(path), file)
            start, size = file.tell(), path.stat().st_size
    except OSError as error:
        raise UsageError(unread(path, error), "name an .npy file") from None
    if dtype not in (np.uint8, np.float32) or fortran:
        order = " in Fortran order" if fortran else ""
        hint = "numpy.save(FILE, numpy.ascontiguousarray(x, dtype=numpy.float32)), or uint8"
        raise UsageError(f"{path} holds {dtype}{order}; so large a file must be uint8 or float32 in C order", hint)
    _refuse_short(str(path), shape, math.prod(shape) * dtype.itemsize, size - start)
    return np.memmap(path, dtype, "r", start, shape)


def _refuse_together(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse two arrays under one name, and arrays that only together exceed the compression ratio."""
    if len({info.filename.removesuffix(".npy") for info in members}) < len(members):
        raise UsageError(f"{path} holds two arrays under one name", READABLE)
    size, packed = sum(info.file_size for info in members), sum(info.compress_size for info in members)
    if len(members) > 1 and size > SUSPICIOUS and size > MAX_RATIO * packed:
        raise UsageError(f"{path} declares {size:,} bytes, packed into {packed:,}", READABLE)


def _read_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> NDArray[Any]:
    with archive.open(info) as file:
        return _read(path, f" ({name})", file, lambda: archive.open(info), info.file_size, info.compress_size)


def _read(
    path: Path, member: str, head: IO[bytes], again: Callable[[], IO[bytes]], size: int, packed: int
) -> NDArray[Any]:
    """Read one array: check its header first, then open the file again and read it whole."""
    shape, _, dtype = _header(f"{path}{member}", head)
    declared = math.prod(shape) * dtype.itemsize
    if declared > LARGEST or (declared > SUSPICIOUS and declared > MAX_RATIO * packed):
        raise UsageError(f"{path}{member} declares {declared:,} bytes, packed into {packed:,}", READABLE)
    _refuse_short(f"{path}{member}", shape, declared, size)
    try:
        with again() as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError, TypeError):
        raise UsageError(f"{path}{member} is damaged", "copy it again") from None
    return array


def _header(what: str, head: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, Fortran order and dtype of the array that follows."""
    try:
        version = np.lib.format.read_magic(head)
        _refuse_long_header(head, 2 if version == (1, 0) else 4)
        # Versions 2 and 3 differ from 1 only in the width of the length field; numpy has no public reader for all.
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = reader(head)
    except (ValueError, EOFError, SyntaxError, TypeError, TokenError, RecursionError, MemoryError):
        raise UsageError(f"{what} is not a numpy array", READABLE) from None
    if dtype.hasobject:
        raise UsageError(f"{what} holds pickled objects; genzoo never unpickles", READABLE)
    return shape, fortran, dtype


def _refuse_short(what: str, shape: tuple[int, ...], declared: int, held: int) -> None:
    if declared > held or min(shape, default=0) < 0:
        raise UsageError(f"{what} declares {declared:,} bytes and holds {held:,}", "copy it again")


def _refuse_long_header(head: IO[bytes], width: int) -> None:
    """Refuse a long header: numpy checks the length only after reading it, and version 2 allows 4 GB.

    Args:
        head: The stream, at the length field of the header.
        width: Bytes of the length field.

    Raises:
        ValueError: The header is too long.
    """
    start = head.tell()
    if int.from_bytes(head.read(width), "little") > LONGEST_HEADER:
        raise ValueError
    head.seek(start)
