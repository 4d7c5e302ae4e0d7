"""CelebA: its splits, labels and pictures, against torchvision's reading of the same files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from published_files import TEST, TRAIN
from registered_data import dataset
from torchvision.datasets import CelebA, celeba, utils
from torchvision.transforms import v2

from genzoo.core.dataset import DataSpec
from genzoo.core.errors import UsageError
from genzoo.core.rows import Rows
from genzoo.data.store import Store


def test_faces_are_those_of_torchvision_cropped_and_scaled(
    published: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = published("celeba")
    made = dataset("celeba", size=32, attribute="Smiling")
    splits = made.load(Store(root, offline=True, say=lambda line: None))
    monkeypatch.setattr(celeba, "check_integrity", lambda path, md5=None: os.path.isfile(path))
    for name in ("identity_CelebA.txt", "list_bbox_celeba.txt", "list_landmarks_align_celeba.txt"):
        lines = [f"{number:06}.jpg 0\n" for number in range(1, TRAIN + TEST + 1)]
        (root / "celeba" / name).write_text("".join(([] if "identity" in name else ["n\n", "h\n"]) + lines))
    utils.extract_archive(str(root / "celeba/img_align_celeba.zip"))
    cut = v2.Compose([v2.CenterCrop(148), v2.Resize(32), v2.PILToTensor()])
    for part, split in zip(("train", "valid", "test"), splits, strict=True):
        theirs = CelebA(root, part, transform=cut)
        x, y = zip(*((x, y[theirs.attr_names.index("Smiling")]) for x, y in theirs), strict=True)
        assert split is not None
        assert torch.equal(split.x[:], torch.stack(x))
        assert split.y is not None
        assert torch.equal(split.y, torch.stack(y))


def test_pictures_are_decoded_once_and_stay_in_their_file(published: Callable[[str], Path]) -> None:
    root, said = published("celeba"), []  # type: ignore[var-annotated]
    for size in (16, 16, 24):
        splits = dataset("celeba", size=size).load(Store(root, offline=True, say=said.append))
        assert isinstance(splits.train.x, Rows)
        assert splits.train.x.path is not None
        assert splits.train.x.shape == (TRAIN - 5, 3, size, size)
        assert splits.train.y is None
    assert sum("decoding 30 pictures" in line for line in said) == 2
    assert len(list((root / "celeba").glob("genzoo-*"))) == 2


def test_attributes_and_the_spec(published: Callable[[str], Path]) -> None:
    assert dataset("celeba").spec == DataSpec((3, 64, 64), "bernoulli", 0, 162_770)
    assert dataset("celeba", attribute="Male").spec.class_names == ("not Male", "Male")
    with pytest.raises(UsageError, match="CelebA has no attribute 'Grinning'") as caught:
        dataset("celeba", attribute="Grinning").load(Store(published("celeba"), offline=True, say=lambda line: None))
    assert "one of Smiling, Attribute_2" in caught.value.hint
