"""QMNIST: the 60,000 training images of MNIST, and 60,000 test images rebuilt from the same sources."""

from __future__ import annotations

from pathlib import Path

import torch

from genzoo.core.dataset import Split
from genzoo.data.image_dataset import ImageDataset
from genzoo.data.raw_files import FileSet, RawFile
from genzoo.data.readers.idx import read_idx
from genzoo.data.store import Store
from genzoo.data.torchvision_source import Torchvision


class QMNIST(ImageDataset):
    """Handwritten digits (Yadav & Bottou 2019), by default 55,000 / 5,000 / 60,000 images.

    The first 10,000 test images are MNIST's. Of the eight numbers that label each image only the class is read.
    """

    test_size = 60_000
    files = FileSet(
        name="qmnist",
        title="QMNIST",
        folder="QMNIST/raw",
        files=(
            RawFile("qmnist-train-images-idx3-ubyte.gz", md5="ed72d4157d28c017586c42bc6afe6370"),
            RawFile("qmnist-train-labels-idx2-int.gz", md5="0058f8dd561b90ffdd0f734c6a30e5e4"),
            RawFile("qmnist-test-images-idx3-ubyte.gz", md5="1394631089c404de565df7b7aeaf9412"),
            RawFile("qmnist-test-labels-idx2-int.gz", md5="5b5b05890a5e13444e108efe57b788aa"),
        ),
        sources=(Torchvision("QMNIST"),),
    )

    def read(self, store: Store) -> tuple[Split, Split]:
        folder = store.ensure(self.files).folder
        return _part(folder, "train"), _part(folder, "test")


def _part(folder: Path, part: str) -> Split:
    x = torch.from_numpy(read_idx(folder / f"qmnist-{part}-images-idx3-ubyte.gz"))
    y = torch.from_numpy(read_idx(folder / f"qmnist-{part}-labels-idx2-int.gz"))
    return Split(x[:, None], y[:, 0].long())
