"""Reading idx files, whole, damaged and hostile."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from tiny_datasets import idx

from genzoo.core.errors import GenzooError
from genzoo.data.readers.idx import read_idx

ARRAY = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)


@pytest.mark.parametrize("packed", [False, True])
def test_what_was_written_is_read(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(idx(ARRAY)) if packed else idx(ARRAY))
    read = read_idx(path)
    np.testing.assert_array_equal(read, ARRAY)
    assert read.dtype == np.uint8
    assert read.flags.writeable


def header(*sizes: int, kind: int = 8) -> bytes:
    return struct.pack(f">HBB{len(sizes)}I", 0, kind, len(sizes), *sizes)


HOSTILE = {
    "empty": (b"", "starts with nothing"),
    "text": (b"<html>", "is not an idx file"),
    "of floats": (header(1, kind=13) + bytes(4), "is not an idx file"),
    "without an axis": (header(), "is not an idx file"),
    "with 255 axes": (b"\0\0\x08\xff" + bytes(2000), "is not an idx file"),
    "cut in its header": (idx(ARRAY)[:9], "ends within its header"),
    "cut": (idx(ARRAY)[:-1], "the header says 3×4×5 bytes"),
    "too long": (idx(ARRAY) + b"x", "the header says 3×4×5 bytes"),
    "of 2^31 images": (header(2**31, 28, 28) + bytes(100), "the header says 2147483648×28×28 bytes"),
    "of 2^128 bytes": (header(*[2**32 - 1] * 4) + bytes(100), "the header says"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_not_what_it_says_is_one_line(tmp_path: Path, name: str, packed: bool) -> None:
    data, reason = HOSTILE[name]
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(data) if packed else data)
    tracemalloc.start()
    with pytest.raises(GenzooError) as refusal:
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reason in refusal.value.message
    assert "\n" not in refusal.value.message
    assert peak < 1_000_000


def test_a_missing_file_and_a_damaged_gzip_file(tmp_path: Path) -> None:
    with pytest.raises(GenzooError, match="No such file"):
        read_idx(tmp_path / "none")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(idx(ARRAY))[:-10])
    with pytest.raises(GenzooError, match="end-of-stream"):
        read_idx(tmp_path / "cut.gz")
