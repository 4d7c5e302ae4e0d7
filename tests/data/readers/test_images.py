"""Pictures as viewers show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from own_data import RNG, load, save_pictures
from PIL import Image, ImageOps

from genzoo.core.errors import UsageError
from genzoo.data.readers.images import SUFFIXES, measure, read_bytes

PIXELS = RNG.integers(0, 256, (4, 6, 3), np.uint8)


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
    save_pictures(tmp_path, name="{}" + (".jpg" if ending == ".jfif" else ending))
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
