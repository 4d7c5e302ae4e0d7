"""Omniglot: 32,460 drawings of the 1,623 characters of 50 alphabets, 105×105 pixels in black and white."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import torch

import genzoo
from genzoo.core.dataset import Split
from genzoo.data.image_dataset import ConvertedImages, Side
from genzoo.data.raw_files import FileSet, RawFile
from genzoo.data.torchvision_source import Torchvision

BACKGROUND = 964
"""Classes of the training images."""


class Omniglot(ConvertedImages):
    """Characters (Lake et al. 2015, Science 350), by default 18,280 / 1,000 / 13,180 images, 28×28, white on black.

    The training images are those of the 30 "background" alphabets, the test images those of the 20 "evaluation"
    alphabets. So no class of the test images is trained on. The classes are numbered by alphabet and character.
    """

    side = 105
    train_size = 19_280
    test_size = 13_180
    classes = 1623
    files = FileSet(
        name="omniglot",
        title="Omniglot",
        folder="omniglot-py",
        files=(
            RawFile("images_background.zip", md5="68d2efa1b9178cc56df9314c21c6e718"),
            RawFile("images_evaluation.zip", md5="6b91aef0f799c5bb55b94e3f2daec811"),
        ),
        sources=(Torchvision("Omniglot", ({"background": True}, {"background": False})),),
    )

    @genzoo.config
    class Config(ConvertedImages.Config):
        validation: genzoo.Natural = 1000
        """Training images held out for validation, by a fixed permutation; 0: train on all."""
        resize: Side = 28
        """Resize images to this many pixels a side; 0: keep the 105 pixels of the files."""

    def convert(self, folder: Path) -> tuple[Split, Split]:
        return read_drawings(folder / "images_background.zip", 0), read_drawings(
            folder / "images_evaluation.zip", BACKGROUND
        )


def read_drawings(path: Path, first: int) -> Split:
    """Read the pictures of an archive, FOLDER/ALPHABET/CHARACTER/PICTURE.png; the characters are numbered from `first`.

    torchvision numbers them in the order in which the file system lists folders, which differs between machines.
    """
    from PIL import Image

    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        characters = sorted({name.rpartition("/")[0] for name in names})
        numbers = {character: first + place for place, character in enumerate(characters)}
        x = np.stack([255 - np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("L")) for name in names])
    return Split(torch.from_numpy(x)[:, None], torch.tensor([numbers[name.rpartition("/")[0]] for name in names]))
