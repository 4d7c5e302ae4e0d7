"""Base classes of image datasets that fit into memory as bytes."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split, Splits
from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.options import Natural, Range, config
from genzoo.core.rows import Examples
from genzoo.data.augmentation import AugmentedImages
from genzoo.data.raw_files import FileSet
from genzoo.data.readers.idx import read_idx
from genzoo.data.splits import Labelled, hold_out, take, with_labels_of
from genzoo.data.store import Store
from genzoo.system import tensor_cache

Side = Annotated[int, Range(0, 256)]
"""Pixels. The upper bound keeps 70,000 images below 5 GB."""


class ImageDataset(AugmentedImages):
    """Images of some classes with a training and a test part, by default those of MNIST. A subclass reads them."""

    channels: ClassVar[int] = 1
    """1: grey; 3: colour."""
    side: ClassVar[int] = 28
    """Height and width as stored."""
    train_size: int = 60_000
    test_size: int = 10_000
    classes: int = 10
    class_names: tuple[str, ...] = ()
    """The name of each class; (): their numbers."""
    files: ClassVar[FileSet | None] = None
    scaled_by: ClassVar[str] = "resize"
    """Name of the option that scales the images."""

    @config
    class Config:
        validation: Natural = 5000
        """Training images held out for validation, by a fixed permutation; 0: train on all."""
        resize: Side = 0
        """Resize images to this many pixels a side; 0: keep their size."""
        without: Natural | None = None
        """Exclude this class from training and validation. The test images keep it, for `genzoo anomaly`."""
        only: Natural | None = None
        """Train and validate on this class only. The test images keep all classes."""
        labelled: Labelled = None
        """Keep the labels of this many training images, equally many of each class; the others are unknown."""
        augment: str = "none"
        """Change training images at random: flip (left and right), crop:4 (shift by up to 4 pixels), or flip,crop:4."""

    def __init__(self, config: Any) -> None:
        self.config = config
        if config.without is not None and config.only is not None:
            raise UsageError("--data.without and --data.only exclude each other", "leave one of them out")
        if config.labelled is not None and (config.without, config.only) != (None, None):
            raise UsageError("--data.labelled hides classes that --data.without and --data.only need", "leave one out")
        for name in ("without", "only"):
            if (getattr(config, name) or 0) >= self.classes:
                raise UsageError(f"--data.{name} must be a class, 0 to {self.classes - 1}")
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
        return DataSpec(
            (self.channels, side, side), "bernoulli", classes=self.classes, size=size, class_names=self.class_names
        )

    @abstractmethod
    def read(self, store: Store) -> tuple[Split, Split]:
        """Return all training and all test images as stored: x uint8 [N, C, H, W], y int64 [N]."""

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


class ConvertedImages(ImageDataset):
    """Images whose published files are slow to read. They are converted once and then read from the cache."""

    version: ClassVar[int] = 1
    """Increase this when `convert` changes."""

    @property
    def variant(self) -> str:
        """What `convert` depends on beside the files."""
        return ""

    @abstractmethod
    def convert(self, folder: Path) -> tuple[Split, Split]:
        """Return all training and all test images of verified files: x uint8 [N, C, H, W], y int64 [N]."""

    def read(self, store: Store) -> tuple[Split, Split]:
        assert self.files is not None, "a subclass sets `files`"
        found = store.ensure(self.files)

        def converted() -> dict[str, Tensor]:
            parts = zip(("train", "test"), self.convert(found.folder), strict=True)
            return {f"{name}.{key}": getattr(part, key) for name, part in parts for key in ("x", "y")}

        held = tensor_cache.cached(self.files.name, [found.sha256, self.variant, self.version], converted)
        return Split(held["train.x"], held["train.y"]), Split(held["test.x"], held["test.y"])


class IdxImages(ImageDataset):
    """A dataset in the four idx files of MNIST's format."""

    ending: ClassVar[str] = ""
    """The end of every file's name: ".gz" if files are kept as published."""

    def read(self, store: Store) -> tuple[Split, Split]:
        assert self.files is not None, "a subclass sets `files`"
        folder, end = store.ensure(self.files).folder, self.ending
        return (
            read_split(folder / f"train-images-idx3-ubyte{end}", folder / f"train-labels-idx1-ubyte{end}"),
            read_split(folder / f"t10k-images-idx3-ubyte{end}", folder / f"t10k-labels-idx1-ubyte{end}"),
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
