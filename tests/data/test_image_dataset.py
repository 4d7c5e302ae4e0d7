"""Image datasets in memory: which images are trained on, pairs of idx files, and resizing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_datasets import idx

from genzoo.core.dataset import Split
from genzoo.core.errors import GenzooError, UsageError
from genzoo.data.image_dataset import ImageDataset, read_split, resized
from genzoo.data.store import Store

ARRAY = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)


class Numbered(ImageDataset):
    """Images of one pixel, whose value is their number; the label is its last digit."""

    side, train_size, test_size = 1, 40, 20

    def read(self, store: Store) -> tuple[Split, Split]:
        x = torch.arange(60, dtype=torch.uint8).reshape(60, 1, 1, 1)
        return Split(x[:40], torch.arange(40) % 10), Split(x[40:], torch.arange(40, 60) % 10)


def numbered(**options: Any) -> Numbered:
    return Numbered(Numbered.Config(**options))


def test_validation_is_cut_off_the_training_images() -> None:
    dataset = numbered(validation=15)
    train, validation, test = dataset.load(Store())
    assert validation is not None
    assert dataset.spec.size == len(train.x) == 25
    assert sorted([*train.x.flatten().tolist(), *validation.x.flatten().tolist()]) == list(range(40))
    assert test.x.flatten().tolist() == list(range(40, 60))


@pytest.mark.parametrize(
    ("options", "trained"), [({"without": 3}, {*range(10)} - {3}), ({"only": 3}, {3}), ({}, {*range(10)})]
)
def test_classes_are_excluded_from_training_alone(options: dict[str, int], trained: set[int]) -> None:
    dataset = numbered(validation=20, **options)
    train, validation, test = dataset.load(Store())
    assert train.y is not None
    assert validation is not None
    assert validation.y is not None
    assert test.y is not None
    assert set(train.y.tolist()) | set(validation.y.tolist()) == trained
    unseen = dataset.unseen(test.y)
    assert (None if unseen is None else {*test.y[unseen].tolist()}) == ({*range(10)} - trained or None)
    assert dataset.spec.size == (0 if options else 20)


def test_options_that_leave_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        numbered(validation=0, without=1, only=2)
    with pytest.raises(UsageError, match="validation 40 leaves nothing to train on: there are 40 training"):
        numbered(validation=40)


def test_labels_of_other_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(idx(ARRAY))
    (tmp_path / "labels").write_bytes(idx(ARRAY[0, 0]))
    with pytest.raises(GenzooError, match="not one label an image"):
        read_split(tmp_path / "images", tmp_path / "labels")


def test_resizing_keeps_flat_images_flat_and_the_mean() -> None:
    flat = torch.full((3, 1, 28, 28), 77, dtype=torch.uint8)
    for side in (1, 14, 32, 64):
        assert torch.equal(resized(flat, side), flat.new_full((3, 1, side, side), 77))
    images = torch.from_numpy(np.random.Generator(np.random.Philox(0)).integers(0, 256, (5, 1, 28, 28), np.uint8))
    assert resized(images, 0) is images
    smaller = resized(images, 14)
    assert (smaller.double().mean() - images.double().mean()).abs() < 1
    assert smaller.double().std() < 0.7 * images.double().std(), "antialiased: noise is averaged, not picked"
