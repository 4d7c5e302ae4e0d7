"""Reading .npy and .npz files of strangers: never unpickled, and measured before they are allocated."""

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
from genzoo.system.reading import open_regular

LARGEST = 1 << 32
"""Bytes of one array; a header that declares more is refused before anything is allocated."""
SUSPICIOUS = 1 << 26
DENSEST = 300
"""How many times its packed size an array of more than SUSPICIOUS bytes may unpack to; MNIST's zeros reach 5."""
LONGEST_HEADER = 10_000
"""Bytes of the description before an array; numpy's own limit."""
PARTS = {"train": "_train", "validation": "_validation", "val": "_validation", "valid": "_validation", "test": "_test"}
WORDS = {
    "x": ("x", "data", "images", "image", "features", "inputs", "arr_0"),
    "y": ("y", "labels", "label", "targets", "target", "classes", "arr_1"),
}
"""What the examples and their classes are called by those who do not call them x and y."""
READABLE = "write plain numbers: numpy.savez(FILE, x=…, y=…)"


def array_names(path: Path) -> list[str]:
    """The names of the arrays of an .npz file; ["x"] for an .npy file.

    Raises:
        UsageError: It is neither.
    """
    if path.suffix.lower() == ".npy":
        return ["x"]
    with _readable(path), open_regular(path) as file, zipfile.ZipFile(file) as archive:
        return [info.filename.removesuffix(".npy") for info in archive.infolist()]


def key_of(name: str) -> str | None:
    """x, y, x_train, y_test, … for a name such as x, train_labels or X_val; None for any other."""
    words = name.lower()
    for part, end in {"": "", **PARTS}.items():
        for letter, usual in WORDS.items():
            forms = [f"{word}_{part}" for word in usual] + [f"{part}_{word}" for word in usual] if part else usual
            if words in forms:
                return letter + end
    return None


def read_arrays(path: Path, known: Callable[[str], bool] = lambda name: True) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file by name, or of an .npy file under the name "x".

    Args:
        path: The file.
        known: Which names to read; the others are passed over.

    Raises:
        UsageError: It cannot be read, is neither, holds pickled objects, or declares more than it can hold.
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


def as_found(path: Path, name: str = "") -> NDArray[Any]:
    """The one array of examples of a file, whatever the usual name it has there.

    Args:
        path: An .npy or .npz file.
        name: What it was called in the data that a model was trained on; "" for a usual one.

    Raises:
        UsageError: There is none, or several.
    """
    names = array_names(path)
    usual = [found for found in names if key_of(found) in ("x", "x_test")]
    wanted = next((found for found in (name, "x") if found in names), usual[0] if len(usual) == 1 else "x")
    arrays = read_arrays(path, lambda found: found == wanted)
    if wanted not in arrays:
        raise UsageError(f"{path} has no array x", "numpy.savez(FILE, x=…)")
    return arrays[wanted]


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What goes wrong inside is said in one line."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", "name an .npy or .npz file") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError):
        raise UsageError(f"{path} is no .npz archive, or a damaged one", READABLE) from None


def map_array(path: Path) -> NDArray[Any]:
    """The array of an .npy file as it lies there, whatever its size: nothing is read but its header.

    Raises:
        UsageError: It cannot be opened, is none or cut short, or holds anything but uint8 and float32 in C order.
    """
    try:
        with open_regular(path) as file:
            shape, fortran, dtype = _header(str(path), file)
            start, size = file.tell(), path.stat().st_size
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", "name an .npy file") from None
    if dtype not in (np.uint8, np.float32) or fortran:
        order = " in Fortran's order" if fortran else ""
        hint = "numpy.save(FILE, numpy.ascontiguousarray(x, dtype=numpy.float32)), or uint8"
        raise UsageError(f"{path} holds {dtype}{order}; so large a file must be uint8 or float32 in C order", hint)
    _refuse_short(str(path), shape, math.prod(shape) * dtype.itemsize, size - start)
    return np.memmap(path, dtype, "r", start, shape)


def _refuse_together(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuses what no single array shows: two under one name, and many that only together are far too dense."""
    if len({info.filename.removesuffix(".npy") for info in members}) < len(members):
        raise UsageError(f"{path} holds two arrays under one name", READABLE)
    size, packed = sum(info.file_size for info in members), sum(info.compress_size for info in members)
    if len(members) > 1 and size > SUSPICIOUS and size > DENSEST * packed:
        raise UsageError(f"{path} declares {size:,} bytes, packed into {packed:,}", READABLE)


def _read_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> NDArray[Any]:
    with archive.open(info) as file:
        return _read(path, f" ({name})", file, lambda: archive.open(info), info.file_size, info.compress_size)


def _read(
    path: Path, member: str, head: IO[bytes], again: Callable[[], IO[bytes]], size: int, packed: int
) -> NDArray[Any]:
    """One array: its header is read and judged first, then the file is opened again and read whole."""
    shape, _, dtype = _header(f"{path}{member}", head)
    declared = math.prod(shape) * dtype.itemsize
    if declared > LARGEST or (declared > SUSPICIOUS and declared > DENSEST * packed):
        raise UsageError(f"{path}{member} declares {declared:,} bytes, packed into {packed:,}", READABLE)
    _refuse_short(f"{path}{member}", shape, declared, size)
    try:
        with again() as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError, TypeError):
        raise UsageError(f"{path}{member} is damaged", "copy it again") from None
    return array


def _header(what: str, head: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran's order, and kind of the numbers that follow."""
    try:
        version = np.lib.format.read_magic(head)
        _refuse_long_header(head, 2 if version == (1, 0) else 4)
        # Version 2 and 3 differ from 1 in the width of a length only; numpy has no public name for all.
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = reader(head)
    except (ValueError, EOFError, SyntaxError, TypeError, TokenError, RecursionError, MemoryError):
        raise UsageError(f"{what} is no array of numpy's", READABLE) from None
    if dtype.hasobject:
        raise UsageError(f"{what} holds pickled objects; genzoo unpickles nothing", READABLE)
    return shape, fortran, dtype


def _refuse_short(what: str, shape: tuple[int, ...], declared: int, held: int) -> None:
    if declared > held or min(shape, default=0) < 0:
        raise UsageError(f"{what} declares {declared:,} bytes and holds {held:,}", "copy it again")


def _refuse_long_header(head: IO[bytes], width: int) -> None:
    """numpy reads a header whole before it finds it too long, and a version 2 header may claim 4 GB.

    Args:
        head: At the length of the header.
        width: How many bytes state that length.
    """
    start = head.tell()
    if int.from_bytes(head.read(width), "little") > LONGEST_HEADER:
        raise ValueError
    head.seek(start)
