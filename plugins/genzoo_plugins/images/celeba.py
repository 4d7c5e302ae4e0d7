"""CelebA: 202,599 aligned faces of celebrities, 178×218 pixels in colour, with 40 attributes each."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

import genzoo
from genzoo.core.dataset import Split, Splits
from genzoo.core.errors import UsageError
from genzoo.core.rows import Rows
from genzoo.data.augmentation import AugmentedImages
from genzoo.data.raw_files import FileSet, RawFile
from genzoo.data.readers.images import decoder
from genzoo.data.store import Found, Store
from genzoo.data.torchvision_source import Torchvision

WIDTH, HEIGHT, CROP = 178, 218, 148
"""Pixels of a picture, and of the square in its middle that is kept (Larsen et al. 2016, arXiv 1512.09300)."""
VERSION = 1
"""Increase this when `convert` changes."""
SIZES = (162_770, 19_867, 19_962)


class CelebA(AugmentedImages):
    """Faces (Liu et al. 2015) in the published splits of 162,770 / 19,867 / 19,962 images.

    The pictures are decoded once, into a file beside the raw files. It is mapped into memory, so training also works
    where 2.5 GB do not fit.
    """

    scaled_by: ClassVar[str] = "size"
    files: ClassVar[FileSet] = FileSet(
        name="celeba",
        title="CelebA",
        folder="celeba",
        files=(
            RawFile("img_align_celeba.zip", md5="00d2c5bc6d35e252742224ab0c1e8fcb"),
            RawFile("list_attr_celeba.txt", md5="75e246fa4810816ffd6ee81facbd244c"),
            RawFile("list_eval_partition.txt", md5="d32c9cbf5e040fd4025c592c306e6668"),
        ),
        sources=(Torchvision("CelebA", ({"split": "all"},)),),
    )

    @genzoo.config
    class Config:
        size: Annotated[int, genzoo.Range(1, CROP)] = 64
        """Scale the middle square of 148×148 pixels to this many pixels a side."""
        attribute: str = ""
        """Label images by whether they have this attribute, such as Smiling; empty: no labels."""
        augment: str = "none"
        """Change training images at random: flip (left and right), crop:4 (shift by up to 4 pixels), or flip,crop:4."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def spec(self) -> genzoo.DataSpec:
        side, attribute = self.config.size, self.config.attribute
        names = (f"not {attribute}", attribute) if attribute else ()
        return genzoo.DataSpec((3, side, side), "bernoulli", classes=len(names), size=SIZES[0], class_names=names)

    def load(self, store: Store) -> Splits:
        found = store.ensure(self.files)
        table = [line.split() for line in _lines(found.folder / "list_eval_partition.txt")]
        parts = torch.tensor([int(part) for _, part in table])
        y = self._labels(found.folder) if self.config.attribute else None
        images = Rows(self._converted(store, found, [name for name, _ in table]))
        train, validation, test = (self._part(images, y, parts == part) for part in range(3))
        return Splits(train, validation, test)

    def _part(self, images: Rows, y: Tensor | None, chosen: Tensor) -> Split:
        return Split(images.take(chosen.nonzero()[:, 0]), None if y is None else y[chosen])

    def _labels(self, folder: Path) -> Tensor:
        """Return whether each picture has the attribute, int64 [N].

        Raises:
            UsageError: There is no such attribute.
        """
        _, header, *rows = _lines(folder / "list_attr_celeba.txt")
        names = header.split()
        if self.config.attribute not in names:
            raise UsageError(f"CelebA has no attribute {self.config.attribute!r}", f"one of {', '.join(names)}")
        column = 1 + names.index(self.config.attribute)
        return torch.tensor([int(int(row.split()[column]) > 0) for row in rows])

    def _converted(self, store: Store, found: Found, names: list[str]) -> np.memmap[Any, Any]:
        """Return the decoded pictures, uint8 [N, 3, H, W], mapped into memory; decode them at first."""
        about = json.dumps([VERSION, self.config.size, decoder(), found.sha256]).encode()
        file = f"genzoo-{self.config.size}-{hashlib.sha256(about).hexdigest()[:16]}.npy"
        path = store.writable_root / self.files.folder / file
        if not path.is_file():
            store.say(f"celeba: decoding {len(names):,} pictures, once: {path}")
            partial = path.with_suffix(f".{os.getpid()}.part")
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                convert(found.folder / "img_align_celeba.zip", names, self.config.size, partial)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        mapped: np.memmap[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped


def convert(archive: Path, names: list[str], size: int, target: Path) -> None:
    """Decode the pictures of an archive: crop their middle and scale it, into an array file uint8 [N, 3, H, W]."""
    from PIL import Image

    left, top = (WIDTH - CROP) // 2, (HEIGHT - CROP) // 2
    shape = (len(names), 3, size, size)
    out = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=shape)
    with zipfile.ZipFile(archive) as pictures:
        for row, name in enumerate(names):
            with Image.open(io.BytesIO(pictures.read(f"img_align_celeba/{name}"))) as picture:
                face = picture.convert("RGB").crop((left, top, left + CROP, top + CROP))
            out[row] = np.asarray(face.resize((size, size), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    out.flush()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").splitlines()
