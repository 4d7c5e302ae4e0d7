"""USPS: 7,291 training and 2,007 test images of digits on envelopes, 16×16 pixels."""

from __future__ import annotations

import bz2
import re
from pathlib import Path

import numpy as np
import torch

import genzoo
from genzoo.core.dataset import Split
from genzoo.data.image_dataset import ConvertedImages
from genzoo.data.raw_files import FileSet, RawFile
from genzoo.data.torchvision_source import Torchvision


class USPS(ConvertedImages):
    """Digits on envelopes (Hull 1994, IEEE PAMI 16(5)), by default 6,291 / 1,000 / 2,007 images."""

    side = 16
    train_size = 7291
    test_size = 2007
    files = FileSet(
        name="usps",
        title="USPS",
        folder="USPS",
        files=(
            RawFile("usps.bz2", md5="ec16c51db3855ca6c91edd34d0e9b197"),
            RawFile("usps.t.bz2", md5="8ea070ee2aca1ac39742fdd1ef5ed118"),
        ),
        sources=(Torchvision("USPS"),),
    )

    @genzoo.config
    class Config(ConvertedImages.Config):
        validation: genzoo.Natural = 1000
        """Training images held out for validation, by a fixed permutation; 0: train on all."""

    def convert(self, folder: Path) -> tuple[Split, Split]:
        return read_libsvm(folder / "usps.bz2"), read_libsvm(folder / "usps.t.bz2")


def read_libsvm(path: Path) -> Split:
    """Read lines of a label from 1 to 10 and 256 pairs INDEX:VALUE with values from −1 to 1, as torchvision does."""
    values = re.sub(rb"\b\d+:", b"", bz2.decompress(path.read_bytes())).split()
    rows = np.array(values, dtype=np.float32).reshape(-1, 257)
    x = ((rows[:, 1:] + 1) / 2 * 255).astype(np.uint8)
    return Split(torch.from_numpy(x).view(-1, 1, 16, 16), torch.from_numpy(rows[:, 0]).long() - 1)
