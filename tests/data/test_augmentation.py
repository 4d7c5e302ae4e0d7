"""Augmentation of training images: each image has its own draw, of the right distribution, in training alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from registered_data import dataset
from torchvision.transforms.v2 import functional

from genzoo.core.dataset import DataSpec, Split, Splits
from genzoo.core.errors import UsageError
from genzoo.core.noise import seeded
from genzoo.data.augmentation import Augmentation, parse, shifted
from genzoo.data.run_data import RunData
from genzoo.data.store import Store

IMAGE = torch.rand(3, 5, 6, generator=torch.Generator().manual_seed(0))
N = 9000


def drawn(augmentation: Augmentation, n: int = N) -> torch.Tensor:
    with seeded(1):
        return augmentation(IMAGE.expand(n, -1, -1, -1))


def test_half_of_the_images_are_flipped() -> None:
    x = drawn(Augmentation(flip=True))
    flipped = (x == functional.horizontal_flip(IMAGE)).flatten(1).all(1)
    assert bool((flipped | (x == IMAGE).flatten(1).all(1)).all())
    assert abs(int(flipped.sum()) - N / 2) < 4 * (N / 4) ** 0.5


def test_crops_are_torchvision_s_and_equally_frequent() -> None:
    wide = functional.pad(IMAGE, [2, 2, 2, 2], padding_mode="reflect")
    truth = {functional.crop(wide, r, c, 5, 6).numpy().tobytes(): (r, c) for r in range(5) for c in range(5)}
    count = Counter(truth[x.contiguous().numpy().tobytes()] for x in drawn(Augmentation(crop=2)))
    expected = N / 25
    assert len(count) == 25
    assert sum((seen - expected) ** 2 / expected for seen in count.values()) < 51.2  # χ² of 24 degrees, 0.1 %


def test_an_offset_of_the_border_changes_nothing() -> None:
    x = IMAGE.expand(4, -1, -1, -1)
    assert torch.equal(shifted(x, torch.full((4, 2), 3), 3), x)


def test_both_compile_as_one_graph() -> None:
    step = torch.compile(Augmentation(flip=True, crop=1), fullgraph=True, backend="eager")
    assert len({x.numpy().tobytes() for x in step(IMAGE.expand(400, -1, -1, -1))}) == 18


@pytest.mark.parametrize(
    ("text", "meant"),
    [("none", (False, 0)), ("flip", (True, 0)), ("crop:4", (False, 4)), ("flip,crop:12", (True, 12))],
)
def test_the_option(text: str, meant: tuple[bool, int]) -> None:
    assert parse(text) == meant


@pytest.mark.parametrize("text", ["", "flop", "crop", "crop:0", "flip,", ",", "flipcrop:1", ",crop:1", "crop:1,flip"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not an augmentation") as caught:
        parse(text)
    assert caught.value.hint == "--data.augment flip, crop:4 or flip,crop:4"


def test_a_crop_of_the_whole_image_is_refused() -> None:
    assert dataset("digits", augment="crop:7").augmentation() == (False, 7)
    assert dataset("digits").augmentation() is None
    with pytest.raises(UsageError, match=r"--data.augment crop:8: the images are 8x8"):
        dataset("digits", augment="crop:8").augmentation()


@pytest.mark.parametrize("stream", ["never", "always"])
def test_only_training_is_augmented(tmp_path: Path, stream: Any) -> None:
    split = Split((IMAGE[None] * 255).round().to(torch.uint8).expand(50, -1, -1, -1).contiguous())
    data = RunData(
        Store(tmp_path), Splits(split, split, split), DataSpec((3, 5, 6), "bernoulli"), torch.device("cpu"), "none",
        stream, lambda line: None, Augmentation(flip=True, crop=1),
    )  # fmt: skip
    stored = split.x[:].float() / 255
    index = torch.arange(50)
    assert not torch.equal(data.train.batch(index).x, stored)
    for view in (*data.evaluated.values(), data.fitted):
        assert torch.equal(view.batch(index).x, stored)
