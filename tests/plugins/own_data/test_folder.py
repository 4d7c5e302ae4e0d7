"""Datasets of a user's own pictures in folders."""

from __future__ import annotations

import io
import os
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from genzoo_plugins.own_data import folder
from own_data import RNG, dataset, load, refusal
from PIL import Image

import genzoo
from genzoo.cli.main import main
from genzoo.core.errors import UsageError
from genzoo.data.splits import fixed_permutation
from genzoo.data.store import Store
from genzoo.system import tensor_cache

Own = tuple[Path, np.ndarray[Any, Any]]


def save_pictures(folder: Path, pixels: np.ndarray[Any, Any], ending: str = "png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{number:03}.{ending}")


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, np.ndarray[Any, Any]]:
    """Return a folder with two classes of ten grey pictures of 6 by 5 pixels, and the pixels."""
    pixels = RNG.integers(0, 256, (20, 6, 5), np.uint8)
    save_pictures(tmp_path / "own/cats", pixels[:10])
    save_pictures(tmp_path / "own/dogs", pixels[10:])
    (tmp_path / "own/.hidden").mkdir()
    (tmp_path / "own/readme.txt").write_text("not a picture, by content and by name")
    return tmp_path / "own", pixels


def test_sub_folders_are_classes_and_pixels_are_unchanged(pictures: tuple[Path, np.ndarray[Any, Any]]) -> None:
    own, pixels = pictures
    splits, spec = load("folder", own, validation=0.2, test=0.3)
    assert spec[:4] == ((1, 6, 5), "bernoulli", 2, 10)
    order = fixed_permutation(20)
    labels = torch.arange(20) // 10
    parts = (order[10:], order[6:10], order[:6])
    for split, index in zip(splits, parts, strict=True):
        assert split is not None
        assert split.y is not None
        where = index.sort().values
        assert torch.equal(split.x[:, 0], torch.from_numpy(pixels)[where])
        assert torch.equal(split.y, labels[where])


def test_pictures_without_sub_folders_have_no_labels(tmp_path: Path) -> None:
    save_pictures(tmp_path, RNG.integers(0, 256, (10, 4, 4, 3), np.uint8))
    splits, spec = load("folder", tmp_path, validation=0.0)
    assert spec[:4] == ((3, 4, 4), "bernoulli", 0, 9)
    assert (splits.validation, splits.train.y) == (None, None)
    assert load("folder", tmp_path, channels=1)[1].shape == (1, 4, 4)
    assert load("folder", tmp_path, size="8x6")[1].shape == (3, 8, 6)
    assert load("folder", tmp_path, size="7")[1].shape == (3, 7, 7)


def test_scaling_a_uniform_picture_keeps_its_grey_level(tmp_path: Path) -> None:
    for number, side in enumerate((4, 9, 20)):
        Image.new("L", (side, side + 1), 77).save(tmp_path / f"{number}.PNG")
    splits, _ = load("folder", tmp_path, size="8x6", validation=0.0)
    assert torch.equal(splits.train.x, torch.full((2, 1, 8, 6), 77, dtype=torch.uint8))


def test_invalid_folders_are_refused(tmp_path: Path) -> None:
    assert refusal("folder", tmp_path) == f"{tmp_path} holds no picture"
    missing = tmp_path / "nowhere"
    assert refusal("folder", missing) == f"{missing}: no such file or folder"
    save_pictures(tmp_path / "a", np.zeros((3, 4, 4), np.uint8))
    save_pictures(tmp_path / "holiday/b", np.zeros((3, 4, 4), np.uint8))
    missing = tmp_path / "holidays"
    assert refusal("folder", missing) == f"{missing}: no such file or folder. Did you mean 'holiday'?"
    shutil.rmtree(tmp_path / "holiday")
    save_pictures(tmp_path, np.zeros((1, 4, 4), np.uint8))
    assert refusal("folder", tmp_path) == f"{tmp_path}/000.png is beside sub-folders, which are classes"
    (tmp_path / "000.png").unlink()
    (tmp_path / "b").mkdir()
    assert refusal("folder", tmp_path) == f"{tmp_path}/b holds no picture"
    assert refusal("folder", tmp_path / "a/000.png") == f"{tmp_path}/a/000.png is not a folder"
    own = tmp_path / "a"
    Image.new("L", (5, 4)).save(own / "wide.png")
    assert refusal("folder", own) == f"pictures have 2 sizes: 3 of 4 are 4x4, {own}/wide.png is 4x5"
    Image.new("RGB", (4, 4)).save(own / "wide.png")
    assert refusal("folder", own) == f"3 pictures are grey and 1 in colour, such as {own}/wide.png"
    (own / "wide.png").write_text("no picture")
    assert refusal("folder", own) == f"{own}/wide.png is not a readable picture"
    (own / "wide.png").unlink()
    assert refusal("folder", own, validation=0.7, test=0.7).startswith("3 examples leave nothing to train on")


def test_pictures_above_the_size_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_pictures(tmp_path, np.zeros((11, 3, 3), np.uint8))
    monkeypatch.setattr(folder, "LARGEST", 99)
    assert load("folder", tmp_path)[1].shape == (1, 3, 3)
    assert refusal("folder", tmp_path, channels=3) == "11 pictures of 3x3 take more than 99 bytes"


@pytest.mark.parametrize("size", ["0", "x", "3x", "3x4x5", "-3", "99999", "4097", "3 4"])
def test_invalid_sizes_are_refused(size: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither HEIGHTxWIDTH nor one number"):
        dataset("folder", tmp_path, size=size)


def test_a_picture_that_declares_too_many_pixels_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "PNG")
    whole = bytearray(buffer.getvalue())
    for side in (10_000, 60_000):  # Pillow warns about the first and refuses the second
        whole[16:24] = struct.pack(">II", side, side)
        whole[29:33] = struct.pack(">I", zlib.crc32(whole[12:29]))
        (tmp_path / "bomb.png").write_bytes(whole)
        assert "bomb.png" in refusal("folder", tmp_path)


def test_a_run_on_own_pictures(
    pictures: tuple[Path, np.ndarray[Any, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with a relative path can be evaluated from another working directory."""
    monkeypatch.chdir(tmp_path)
    words = ["--epochs", "1", "--batch-size", "4", "--quiet", "--out", str(tmp_path / "run")]
    assert main(["run", "vae", "--dataset", "folder", "--data.path", "own", *words]) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["evaluate", str(tmp_path / "run"), "--json"]) == 0
    digest = genzoo.Run(tmp_path / "run").record["data"]["folder"]["sha256"]["x"]
    assert len(digest) == 64


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an empty cache that also stores pictures that changed just now."""
    monkeypatch.setattr(tensor_cache, "folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(folder, "SETTLED", -(10**15))
    return tmp_path / "cache"


def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which the name of every picture opened from now on is added."""
    names: list[str] = []
    read = folder.measure_and_read

    def recording(path: Path, *rest: Any) -> Any:
        names.append(path.name)
        return read(path, *rest)

    monkeypatch.setattr(folder, "measure_and_read", recording)
    return names


def notes_of(own: Path, **options: Any) -> list[str]:
    store = Store(say=lambda line: None)
    dataset("folder", own, **options).load(store)
    return store.notes


def equal(one: genzoo.Splits, other: genzoo.Splits) -> bool:
    parts = zip(one, other, strict=True)
    pairs = [(a, b) for first, second in parts if first and second for a, b in zip(first, second, strict=True)]
    return all(a is b is None or torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("options", [{}, {"size": "8x3"}, {"channels": 3}, {"background": 7}])
def test_cached_pictures_have_the_same_pixels(
    options: dict[str, Any], pictures: Own, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = pictures[0]
    Image.new("LA", (5, 6), (200, 100)).save(own / "cats/half.png")
    seen = opened(monkeypatch)
    first = load("folder", own, **options)
    assert len(seen) == 21  # each once, for both spec and load
    second, notes = load("folder", own, **options), notes_of(own, **options)
    assert len(seen) == 21
    assert first[1] == second[1]
    assert equal(first[0], second[0])
    load("folder", own, **{**options, "size": "4"})
    assert len(seen) == 42
    monkeypatch.setattr(tensor_cache, "folder", lambda: None)
    decoded, _ = load("folder", own, **options)
    assert equal(decoded, second[0])
    assert notes_of(own, **options) == notes


def test_a_dataset_loads_twice(pictures: Own, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_dataset = dataset("folder", pictures[0])
    for home in (cache_folder, None):
        monkeypatch.setattr(tensor_cache, "folder", lambda home=home: home)
        one, other = (own_dataset.load(Store(say=lambda line: None)) for _ in range(2))
        assert equal(one, other)


@pytest.mark.parametrize("change", ["changed", "secretly", "added", "removed", "touched", "renamed", "moved"])
def test_a_change_of_one_picture_invalidates_the_cache(
    change: str, pictures: Own, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, pixels = pictures
    Image.fromarray(pixels[3]).save(own / "cats/003.bmp")  # BMP: the file size does not depend on the pixels
    (own / "cats/003.png").unlink()
    before, _ = load("folder", own, validation=0.0)
    file = own / "cats/003.bmp"
    state = file.stat()
    if change in ("changed", "secretly"):
        Image.fromarray(255 - pixels[3]).save(file)
        assert file.stat().st_size == state.st_size
        if change == "secretly":
            os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    elif change == "added":
        Image.fromarray(pixels[3]).save(own / "cats/010.png")
    elif change == "removed":
        file.unlink()
    elif change == "touched":
        os.utime(file)
    else:
        file.rename(own / ("cats/0030.bmp" if change == "renamed" else "dogs/003b.bmp"))
    seen = opened(monkeypatch)
    after, _ = load("folder", own, validation=0.0)
    assert len(seen) == {"added": 21, "removed": 19}.get(change, 20)
    monkeypatch.setattr(tensor_cache, "folder", lambda: None)
    assert equal(after, load("folder", own, validation=0.0)[0])
    assert change in ("touched", "renamed") or not equal(before, after)


def test_a_damaged_cache_is_not_used(pictures: Own, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right, _ = load("folder", pictures[0])
    (file,) = cache_folder.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    seen = opened(monkeypatch)
    again, _ = load("folder", pictures[0])
    assert len(seen) == 20
    assert equal(again, right)


def test_pictures_that_may_still_change_are_not_cached(
    pictures: Own, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "SETTLED", 10**12)
    load("folder", pictures[0])
    assert not cache_folder.exists()
    monkeypatch.setattr(folder, "SETTLED", -(10**15))
    read = folder.measure_and_read

    def changing(path: Path, *rest: Any) -> Any:
        os.utime(path)
        return read(path, *rest)

    monkeypatch.setattr(folder, "measure_and_read", changing)
    load("folder", pictures[0])
    assert not cache_folder.exists()


def test_an_unreadable_picture_is_refused_despite_the_cache(pictures: Own, cache_folder: Path) -> None:
    load("folder", pictures[0])
    file = pictures[0] / "dogs/005.png"
    file.write_bytes(file.read_bytes()[:60])
    for _ in range(2):
        assert refusal("folder", pictures[0]) == f"{file} is not a readable picture"
