"""Base classes of image datasets that fit into memory as bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split, Splits
from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.options import Natural, Range, config
from genzoo.core.rows import Examples
from genzoo.data.raw_files import FileSet
from genzoo.data.readers.idx import read_idx
from genzoo.data.splits import Labelled, hold_out, take, with_labels_of
from genzoo.data.store import Store

Side = Annotated[int, Range(0, 256)]
"""Pixels. The upper bound keeps 70,000 images below 5 GB."""
Label = Annotated[int, Range(0, 9)]


class ImageDataset(ABC):
    """Grey images of ten classes with a training and a test part. A subclass reads them."""

    side: ClassVar[int] = 28
    """Height and width as stored."""
    train_size: ClassVar[int] = 60_000
    test_size: ClassVar[int] = 10_000
    files: ClassVar[FileSet | None] = None
    scaled_by: ClassVar[str] = "resize"
    """Name of the option that scales the images."""

    @config
    class Config:
        validation: Natural = 5000
        """Training images held out for validation, by a fixed permutation; 0: train on all."""
        resize: Side = 0
        """Resize images to this many pixels a side; 0: keep their size."""
        without: Label | None = None
        """Exclude this class from training and validation. The test images keep it, for `genzoo anomaly`."""
        only: Label | None = None
        """Train and validate on this class only. The test images keep all classes."""
        labelled: Labelled = None
        """Keep the labels of this many training images, equally many of each class; the others are unknown."""

    def __init__(self, config: Any) -> None:
        self.config = config
        if config.without is not None and config.only is not None:
            raise UsageError("--data.without and --data.only exclude each other", "leave one of them out")
        if config.labelled is not None and (config.without, config.only) != (None, None):
            raise UsageError("--data.labelled hides classes that --data.without and --data.only need", "leave one out")
        if config.validation >= self.train_size:
            raise UsageError(
                f"--data.validation {config.validation} leaves nothing to train on: "
                f"there are {self.train_size:,} training images"
            )

    @property
    def spec(self) -> DataSpec:
        side = self.config.resize or self.side
        whole = (self.config.without, self.config.only) == (None, None)
        size = self.train_size - self.config.validation if whole else 0
        return DataSpec(shape=(1, side, side), likelihood="bernoulli", classes=10, size=size)

    @abstractmethod
    def read(self, store: Store) -> tuple[Split, Split]:
        """Return all training and all test images as stored: x uint8 [N, 1, H, W], y int64 [N]."""

    def load(self, store: Store) -> Splits:
        train, test = (Split(resized(split.x, self.config.resize), split.y) for split in self.read(store))
        train, validation = hold_out(train, self.config.validation)
        train = with_labels_of(train, self.config.labelled, self.spec.classes)
        return Splits(self.seen(train), validation and self.seen(validation), test)

    def unseen(self, y: Tensor) -> Tensor | None:
        """Return the mask [N] of examples whose class was excluded from training; None if no class was."""
        without, only = self.config.without, self.config.only
        if without is None and only is None:
            return None
        mask: Tensor = y == without if only is None else y != only
        return mask

    def seen(self, split: Split) -> Split:
        """Return the examples of a split whose class is trained on."""
        assert split.y is not None
        unseen = self.unseen(split.y)
        return split if unseen is None else take(split, (~unseen).nonzero()[:, 0])


class IdxImages(ImageDataset):
    """A dataset in the four idx files of MNIST's format."""

    def read(self, store: Store) -> tuple[Split, Split]:
        assert self.files is not None, "a subclass sets `files`"
        folder = store.ensure(self.files).folder
        return (
            read_split(folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"),
            read_split(folder / "t10k-images-idx3-ubyte", folder / "t10k-labels-idx1-ubyte"),
        )


def read_split(images: Path, labels: Path) -> Split:
    """Read a pair of idx files: x uint8 [N, 1, H, W], y int64 [N].

    Raises:
        GenzooError: The numbers of images and labels differ.
    """
    x, y = torch.from_numpy(read_idx(images)), torch.from_numpy(read_idx(labels)).to(torch.int64)
    if x.ndim != 3 or y.shape != x.shape[:1]:
        raise GenzooError(f"{images} holds {tuple(x.shape)} and {labels} {tuple(y.shape)}: not one label an image")
    return Split(x[:, None], y)


def resized(x: Examples, side: int) -> Examples:
    """Resize images uint8 [N, C, H, W] to `side` pixels a side, bilinear and antialiased; 0 keeps their size."""
    if side in (0, x.shape[-1]):
        return x
    assert isinstance(x, Tensor), "rows of a file are not resized"
    return torch.nn.functional.interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False)
