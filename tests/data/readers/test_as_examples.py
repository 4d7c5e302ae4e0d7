"""What the numbers of arrays mean: the same in every type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from genzoo_plugins.own_data import npz
from own_data import RNG, load, refusal

from genzoo.core.dataset import Split
from genzoo.core.errors import UsageError
from genzoo.data.input_format import InputFormat
from genzoo.data.readers.as_examples import as_examples
from genzoo.data.resident import Resident

BITS = RNG.random((20, 4, 5)) < 0.5
LEVELS = RNG.integers(0, 256, (20, 4, 5))
TYPES = (bool, np.uint8, np.int16, np.int64, np.float16, np.float32, np.float64, ">i4", ">f8")
CPU = torch.device("cpu")


def seen(split: Split) -> np.ndarray[Any, Any]:
    """What a model gets."""
    data = Resident(split, CPU)
    return data.batch(torch.arange(len(data))).x.numpy()


def saved(path: Path, mapped: bool, x: np.ndarray[Any, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(npz, "MAPPED", 0 if mapped else 1 << 40)
    file = path / "x.npy"
    np.save(file, x)
    return file


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("shape", [(20, 4, 5), (20, 20)])
def test_0_and_1_are_black_and_white_in_every_type(shape: tuple[int, ...], kind: Any, tmp_path: Path) -> None:
    x = BITS.reshape(shape)
    np.savez(tmp_path / "x.npz", x=np.asfortranarray(x.astype(kind)))
    splits, spec = load("npz", tmp_path / "x.npz", validation=0.0, test=0.25)
    assert (spec.likelihood, spec.binary) == ("bernoulli", True)
    everything = np.concatenate([seen(splits.train), seen(splits.test)])
    assert set(np.unique(everything)) == {0.0, 1.0}
    assert everything.sum() == x.sum()


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64, np.uint16, np.float32, np.float64, ">i4"])
def test_vectors_and_grey_levels_mean_the_same_in_every_type(kind: Any, tmp_path: Path) -> None:
    for x, white in ((LEVELS, 255), (LEVELS.reshape(20, 20), 1)):
        np.savez(tmp_path / "x.npz", x=x.astype(kind))
        np.savez(tmp_path / "reference.npz", x=x / white)
        ours = load("npz", tmp_path / "x.npz")[0]
        reference = load("npz", tmp_path / "reference.npz")[0]
        for one, other in zip(ours, reference, strict=True):
            assert one is not None
            assert other is not None
            np.testing.assert_allclose(seen(one), seen(other), rtol=1e-6)


@pytest.mark.parametrize("shape", [(20, 4, 5), (20, 20)])
@pytest.mark.parametrize("values", [BITS, LEVELS])
def test_a_mapped_file_means_what_the_array_means(
    shape: tuple[int, ...], values: np.ndarray[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = values.reshape(shape).astype(np.uint8)
    small, small_spec = load("npz", saved(tmp_path, False, x, monkeypatch))
    expected = seen(small.train)
    large, large_spec = load("npz", saved(tmp_path, True, x, monkeypatch))
    assert large_spec == small_spec
    np.testing.assert_array_equal(seen(large.train), expected)


def test_16_bits_have_a_white_of_their_own() -> None:
    x = np.array([[[0, 65_535], [32_768, 1]]], np.uint16)
    stored = as_examples(x, "x")
    np.testing.assert_allclose(seen(Split(stored.x))[0, 0], x[0] / 65_535, rtol=1e-6)
    assert stored.notes == ["x holds whole numbers of 16 bits up to 65,535: 65,535 is taken for white"]
    with pytest.raises(UsageError, match="x holds values from 0 to 4095"):
        as_examples(np.array([[[0, 4095]]]), "x")
    with pytest.raises(UsageError) as error:
        as_examples(np.array([[[-1.0, 1.0]]]), "x")
    assert "(x + 1) / 2" in error.value.hint


def test_channels_that_could_be_first_or_last_are_said_and_later_those_of_the_training() -> None:
    x = RNG.random((5, 3, 6, 3))
    stored = as_examples(x, "x")
    assert "is read as [N, C, H, W]" in stored.notes[0]
    assert tuple(stored.x.shape) == (5, 3, 6, 3)
    assert tuple(as_examples(x, "x", (3, 3, 6)).x.shape) == (5, 3, 3, 6)
    square = RNG.random((5, 3, 3, 3))
    last = as_examples(square, "x", (3, 3, 3), InputFormat(white=1, first=False)).x
    np.testing.assert_allclose(last.numpy(), np.moveaxis(square, 3, 1), rtol=1e-6)  # type: ignore[union-attr]


def test_later_images_are_read_as_those_of_the_training() -> None:
    dark = np.array([[[0, 1], [1, 0]]], np.uint8)
    grey = as_examples(dark, "x", (1, 2, 2), InputFormat(white=255)).x
    assert seen(Split(grey)).max() == pytest.approx(1 / 255)
    assert seen(Split(as_examples(dark, "x", (1, 2, 2), InputFormat(white=1)).x)).max() == 1
    bright = as_examples(200 * dark, "x", (1, 2, 2), InputFormat(white=1))
    assert seen(Split(bright.x)).max() == pytest.approx(200 / 255)
    assert "255 is taken for white" in bright.notes[0]


LABELS: list[tuple[Any, tuple[str, ...]]] = [
    ([1, 2, 3], ("1", "2", "3")),
    ([10, 2, 1], ("1", "2", "10")),
    ([-1, 1, 5], ("-1", "1", "5")),
    ([3.0, 1.0, 2.0], ("1", "2", "3")),
    (["b", "a", "c"], ("a", "b", "c")),
    ([b"b", b"a", b"c"], ("a", "b", "c")),
    ([[1], [2], [3]], ("1", "2", "3")),
    ([True, False, True], ("False", "True")),
    ([[0, 0, 1], [0, 1, 0], [1, 0, 0]], ("0", "1", "2")),  # one-hot
]


@pytest.mark.parametrize(("labels", "names"), LABELS)
def test_labels_of_every_form_keep_their_names(labels: Any, names: tuple[str, ...], tmp_path: Path) -> None:
    y = np.array(labels * 5)
    np.savez(tmp_path / "x.npz", x=RNG.random((15, 4)), y=y)
    splits, spec = load("npz", tmp_path / "x.npz", validation=0.0, test=0.2)
    assert (spec.class_names, spec.classes) == (names, len(names))
    assert splits.train.y is not None
    assert set(splits.train.y.tolist()) == set(range(len(names)))


@pytest.mark.parametrize("keys", ["images labels", "X Y", "data target", "arr_0 arr_1", "features classes"])
def test_usual_names_of_arrays_are_known(keys: str, tmp_path: Path) -> None:
    x, y = keys.split()
    np.savez(tmp_path / "x.npz", **{x: RNG.random((15, 4)), y: np.arange(15) % 3})
    assert load("npz", tmp_path / "x.npz")[1].classes == 3
    np.savez(tmp_path / "x.npz", **{f"train_{x}": RNG.random((15, 4)), f"test_{x}": RNG.random((5, 4))})
    if not x.startswith("arr"):
        assert len(load("npz", tmp_path / "x.npz")[0].test.x) == 5


def test_arrays_of_other_names_are_named_by_the_user(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", spectra=RNG.random((15, 4)), kinds=np.arange(15) % 3)
    assert "has neither x nor x_train, but spectra, kinds" in refusal("npz", tmp_path / "x.npz")
    assert load("npz", tmp_path / "x.npz", x="spectra", y="kinds")[1].classes == 3
    np.savez(tmp_path / "x.npz", x=RNG.random((15, 4)), y=np.array([np.nan, *range(14)]))
    assert "y has no label (NaN) for 1 of 15 examples" in refusal("npz", tmp_path / "x.npz")
