"""The cache of computed tensors: entries equal what is computed, and a run never needs them."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from genzoo.system import tensor_cache

NUMBERS = {"x": torch.arange(6, dtype=torch.float64).view(2, 3), "y": torch.tensor([1], dtype=torch.uint8)}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for one test."""
    monkeypatch.setattr(tensor_cache, "folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def fail() -> dict[str, Tensor]:
    pytest.fail("it was computed again")


def computed_again(depends_on: object = 1) -> bool:
    calls = []
    found = tensor_cache.cached("test", depends_on, lambda: calls.append(1) or dict(NUMBERS))  # type: ignore[func-returns-value]
    assert all(
        torch.equal(found[name], tensor) and found[name].dtype == tensor.dtype for name, tensor in NUMBERS.items()
    )
    return bool(calls)


def test_an_entry_is_found_by_all_that_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert computed_again()
    assert not computed_again()
    assert computed_again(2)
    assert tensor_cache.read("other", 1) is None
    monkeypatch.setattr(tensor_cache, "__version__", "another")
    assert computed_again()


def test_tensors_that_are_not_contiguous_are_cached(home: Path) -> None:
    turned = torch.arange(6.0).view(2, 3).T
    tensor_cache.write("test", 1, {"x": turned, "part": turned[:, :1]})
    found = tensor_cache.read("test", 1)
    assert found is not None
    assert torch.equal(found["x"], turned)
    assert torch.equal(found["part"], turned[:, :1])


@pytest.mark.parametrize("damage", ["flipped", "cut", "lengthened", "empty", "folder", "foreign", "garbage"])
def test_a_damaged_or_foreign_entry_is_computed_again(damage: str, home: Path) -> None:
    assert computed_again()
    (file,) = home.iterdir()
    right = file.read_bytes()
    if damage == "folder":
        file.unlink()
        file.mkdir()
    elif damage == "foreign":  # a whole entry under another one's name
        tensor_cache.write("test", 2, {"x": torch.zeros(1)})
        next(path for path in home.iterdir() if path != file).replace(file)
    else:
        middle = len(right) - 10
        flipped = right[:middle] + bytes([right[middle] ^ 1]) + right[middle + 1 :]
        wrong = {"flipped": flipped, "cut": right[:-1], "lengthened": right + b"x", "empty": b"", "garbage": b"x" * 99}
        file.write_bytes(wrong[damage])
    assert computed_again()
    assert computed_again() == (damage == "folder")


def test_every_flipped_bit_is_noticed(home: Path) -> None:
    assert computed_again()
    (file,) = home.iterdir()
    right = file.read_bytes()
    for place in range(len(right)):
        file.write_bytes(right[:place] + bytes([right[place] ^ 4]) + right[place + 1 :])
        assert tensor_cache.read("test", 1) is None, place


@pytest.mark.parametrize("obstacle", ["file", "no home", "read-only", "full"])
def test_without_a_writable_disk_nothing_is_cached_and_nothing_fails(
    obstacle: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if obstacle == "file":
        home.write_text("no folder")
    elif obstacle == "no home":
        monkeypatch.setattr(tensor_cache, "folder", lambda: None)
    else:
        number = 30 if obstacle == "read-only" else 28

        def refuse(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "replace", refuse)
    assert computed_again()
    assert computed_again()
    assert not home.is_dir() or not list(home.iterdir())
    assert capsys.readouterr() == ("", "")


def test_the_least_recently_used_entries_are_removed_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    for number in range(3):
        tensor_cache.write("test", number, NUMBERS)
        newest = max(home.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (number, number))
        sizes.append(newest.stat().st_size)
    assert tensor_cache.read("test", 0) is not None  # used just now
    monkeypatch.setattr(tensor_cache, "MAX_BYTES", 3 * max(sizes))
    tensor_cache.write("test", 3, NUMBERS)
    assert [number for number in range(4) if tensor_cache.read("test", number) is not None] == [0, 2, 3]
    monkeypatch.setattr(tensor_cache, "MAX_BYTES", 0)
    tensor_cache.write("test", 4, NUMBERS)
    assert [number for number in range(5) if tensor_cache.read("test", number) is not None] == [4]


def test_an_entry_that_is_too_large_is_not_cached(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_cache, "MAX_ENTRY_BYTES", 48)
    assert computed_again()
    assert computed_again()
    assert not home.exists()


def test_temporary_files_of_killed_processes_are_removed_after_an_hour(home: Path) -> None:
    home.mkdir()
    for name, age in (("old.tmp", 4000), ("new.tmp", 60)):
        (home / name).write_bytes(b"x")
        os.utime(home / name, (time.time() - age,) * 2)
    tensor_cache.write("test", 1, NUMBERS)
    assert {path.name for path in home.iterdir() if path.suffix == ".tmp"} == {"new.tmp"}


def test_clear(home: Path) -> None:
    assert tensor_cache.clear() == (0, 0)
    tensor_cache.write("test", 1, NUMBERS)
    tensor_cache.write("test", 2, NUMBERS)
    count, size = tensor_cache.clear()
    assert count == 2
    assert size > 2 * 48
    assert not list(home.iterdir())
    assert computed_again()


def write_and_read(home: Path, number: int) -> bool:
    tensor_cache.folder = lambda: home  # type: ignore[assignment]
    good = True
    for turn in range(40):
        tensor_cache.write("test", turn % 4, {"x": torch.full((1000,), float(turn % 4))})
        for other in range(4):
            found = tensor_cache.read("test", other)
            good &= found is None or bool((found["x"] == other).all())
        if turn % 10 == number:
            tensor_cache.clear()
    return good


def test_processes_share_a_cache(home: Path) -> None:
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert all(pool.starmap(write_and_read, [(home, number) for number in range(3)]))
