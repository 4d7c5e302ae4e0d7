"""Pictures as viewers show them, and folders as people have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_data import RNG, dataset, load, refusal
from PIL import Image, ImageOps

from genzoo.core.errors import UsageError
from genzoo.data.readers.images import SUFFIXES, measure, read_bytes
from genzoo.data.store import Store

PIXELS = RNG.integers(0, 256, (4, 6, 3), np.uint8)


def save(folder: Path, count: int = 12, name: str = "{}.png", size: tuple[int, int] = (5, 4)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(RNG.integers(0, 256, size, np.uint8)).save(folder / name.format(number))
    return folder


def notes(path: Path, **options: Any) -> list[str]:
    store = Store(say=lambda line: None)
    dataset("folder", path, **options).load(store)
    return store.notes


@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_exif_says(ending: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = tmp_path / f"a.{ending}"
    Image.fromarray(PIXELS).save(file, exif=exif, **({"lossless": True} if ending == "webp" else {}))
    with Image.open(file) as picture:
        expected = np.array(ImageOps.exif_transpose(picture).convert("RGB"))
    np.testing.assert_array_equal(read_bytes(file, "RGB"), expected)
    assert measure(file)[:2] == expected.shape[:2]


def test_photos_of_a_phone_have_one_size(tmp_path: Path) -> None:
    for number in range(12):
        picture, exif = Image.fromarray(RNG.integers(0, 256, (20, 12, 3), np.uint8)), Image.Exif()
        if number % 2:
            picture, exif[0x0112] = picture.transpose(Image.Transpose.ROTATE_90), 6
        picture.save(tmp_path / f"{number}.jpg", exif=exif)
    assert load("folder", tmp_path)[1].shape == (3, 20, 12)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("ground", [0, 100, 255])
def test_transparent_parts_show_the_ground(mode: str, ground: int, tmp_path: Path) -> None:
    alpha = np.where(RNG.random((5, 4)) < 0.5, 255, 0).astype(np.uint8)
    file = tmp_path / "a.png"
    if mode == "P":
        picture = Image.fromarray(alpha // 255, "P")
        picture.putpalette([9, 9, 9, 0, 0, 0])
        picture.save(file, transparency=0)
    else:
        channels = [np.zeros((5, 4), np.uint8)] * (len(mode) - 1)
        Image.fromarray(np.stack([*channels, alpha], 2)).save(file)
    np.testing.assert_array_equal(read_bytes(file, "L", background=ground)[..., 0], np.where(alpha > 0, 0, ground))


def test_half_transparent_is_half_of_each(tmp_path: Path) -> None:
    Image.new("RGBA", (1, 1), (200, 100, 0, 128)).save(tmp_path / "a.png")
    expected = np.array([200, 100, 0]) * 128 / 255 + 255 * 127 / 255
    np.testing.assert_allclose(read_bytes(tmp_path / "a.png", "RGB")[0, 0], expected, atol=1)


@pytest.mark.parametrize("ending", [*SUFFIXES, ".PNG", ".JPG", ".Tiff"])
def test_every_ending_is_read(ending: str, tmp_path: Path) -> None:
    save(tmp_path, name="{}" + (".jpg" if ending == ".jfif" else ending))
    for file in tmp_path.iterdir() if ending == ".jfif" else ():
        file.rename(file.with_suffix(".jfif"))
    splits, _ = load("folder", tmp_path, channels=1)
    assert sum(len(split.x) for split in splits if split is not None) == 12


def test_levels_of_every_depth(tmp_path: Path) -> None:
    levels = RNG.integers(0, 256, (5, 4))
    Image.fromarray((levels * 257).astype(np.uint16)).save(tmp_path / "16.png")
    Image.fromarray(levels > 127).save(tmp_path / "1.png")
    Image.fromarray(np.full((5, 4), 70_000, np.int32)).save(tmp_path / "32.tif")
    np.testing.assert_array_equal(read_bytes(tmp_path / "16.png", "L")[..., 0], levels)
    np.testing.assert_array_equal(read_bytes(tmp_path / "1.png", "L")[..., 0], 255 * (levels > 127))
    with pytest.raises(UsageError, match="levels of 32 bits"):
        read_bytes(tmp_path / "32.tif", "L")


@pytest.mark.parametrize("junk", ["__MACOSX", "@eaDir", ".ipynb_checkpoints"])
def test_what_systems_add_is_passed_over(junk: str, tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        save(tmp_path / name)
        (tmp_path / name / "._0.png").write_bytes(b"\0\5\x16\7")
        (tmp_path / name / "Thumbs.db").touch()
        (tmp_path / junk / name).mkdir(parents=True)
        (tmp_path / junk / name / "0.png").write_text("none")
    (tmp_path / "readme.txt").touch()
    (tmp_path / "cats/a.heic").touch()
    assert load("folder", tmp_path)[1].class_names == ("cats", "dogs")
    (line,) = notes(tmp_path)
    for word in (junk, "._0.png", "Thumbs.db", "2 files of other kinds (1 .heic, 1 .txt)"):
        assert word in line


@pytest.mark.parametrize("names", [("train", "test"), ("Training", "Testing"), ("train", "valid", "test")])
def test_folders_of_parts_are_no_classes(names: tuple[str, ...], tmp_path: Path) -> None:
    for count, part in enumerate(names, 4):
        for label in ("1", "2", "10"):
            save(tmp_path / part / label, count)
    splits, spec = load("folder", tmp_path, validation=0.25)
    assert spec.class_names == ("1", "2", "10")
    sizes = [len(split.x) for split in splits if split is not None]
    assert sizes == ([9, 3, 15] if len(names) == 2 else [12, 15, 18])
    assert splits.test.y is not None
    assert splits.test.y.bincount().tolist() == [sizes[-1] // 3] * 3
    assert f"{names[0]} as train data" in notes(tmp_path)[0]
    save(tmp_path / "cats")
    assert "cats lies beside train: neither a part nor a class" in refusal("folder", tmp_path)


def test_classes_are_left_out_by_name(tmp_path: Path) -> None:
    for label in ("1", "2", "10"):
        save(tmp_path / label)
    splits, spec = load("folder", tmp_path, without="10")
    assert splits.train.y is not None
    assert set(splits.train.y.tolist()) == {0, 1}
    assert spec.classes == 3
    assert torch.equal(dataset("folder", tmp_path, only="2").unseen(torch.arange(3)), torch.tensor([True, False, True]))
    assert refusal("folder", tmp_path, without="3") == "--data.without 3: no such class."
    with pytest.raises(UsageError, match="exclude each other"):
        dataset("folder", tmp_path, without="1", only="2")


def test_all_bad_files_are_named_at_once(tmp_path: Path) -> None:
    save(tmp_path)
    for number in range(7):
        (tmp_path / f"bad{number}.png").write_text("none")
    with pytest.raises(UsageError) as error:
        _ = dataset("folder", tmp_path).spec
    assert error.value.message.startswith("7 files cannot be read: ")
    assert all(f"bad{number}.png" in str(error.value) for number in range(5))
    assert "and 2 more" in error.value.hint
