"""Atomic writes: a file is complete or absent."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from genzoo.core.errors import GenzooError
from genzoo.system.atomic import CHUNK, chunks, to_bytes, user_cache, write_atomically, write_new


@pytest.mark.parametrize("sizes", [[], [0], [1], [CHUNK], [CHUNK + 1], [5, 3 * CHUNK, 7, 0, 8], [CHUNK // 2 + 1] * 3])
def test_chunks_are_the_same_bytes_in_fewer_and_smaller_parts(sizes: list[int]) -> None:
    pieces = [bytes([i + 1]) * size for i, size in enumerate(sizes)]
    found = [bytes(chunk) for chunk in chunks(map(memoryview, pieces))]
    assert b"".join(found) == b"".join(pieces)
    assert all(0 < len(chunk) <= CHUNK for chunk in found)
    assert len(found) <= sum(sizes) // CHUNK + len([size for size in sizes if size > CHUNK]) + 2


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"one", b"two" * 1000, b""):
        write_atomically(path, content)
        assert path.read_bytes() == content
        assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_what_cannot_be_written_is_one_line_and_leaves_the_old_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(GenzooError, match=f"cannot write {folder}: Is a directory") as error:
        write_atomically(folder, b"new")
    assert error.value.hint == f"may you write there? ls -ld {tmp_path}"
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_a_new_file_has_its_size_and_digest_and_is_never_overwritten(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    calls: list[None] = []
    written = write_new(tmp_path / "new", content, lambda: calls.append(None))
    assert written == (len(content), hashlib.sha256(content).hexdigest())
    assert (tmp_path / "new").read_bytes() == content
    assert len(calls) == 2, "once a chunk"
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "new", b"")


def test_the_cache_is_where_the_xdg_specification_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for variable, folder in (("/cache", "/cache/genzoo"), ("relative", "/home/me/.cache/genzoo")):
        monkeypatch.setenv("XDG_CACHE_HOME", variable)
        assert user_cache() == Path(folder)


def test_a_byte_of_a_file_name_can_be_written() -> None:
    assert to_bytes("β\udcff") == b"\xce\xb2\\udcff"
