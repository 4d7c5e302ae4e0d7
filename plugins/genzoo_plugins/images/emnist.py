"""EMNIST: up to 814,255 images of handwritten digits and letters, in the format of MNIST."""

from __future__ import annotations

import io
import string
import zipfile
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

import genzoo
from genzoo.core.dataset import Split
from genzoo.data.image_dataset import ImageDataset
from genzoo.data.raw_files import FileSet, RawFile
from genzoo.data.readers.idx import read_idx_stream
from genzoo.data.store import Store
from genzoo.data.torchvision_source import Torchvision

MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"
"""The classes in which lower-case letters that look like their capitals are merged with them."""


class Selection(NamedTuple):
    """One of the published selections."""

    train: int
    test: int
    names: str
    first: int = 0
    """The number of the first class in the files."""


SELECTIONS = {
    "balanced": Selection(112_800, 18_800, MERGED),
    "byclass": Selection(697_932, 116_323, string.digits + string.ascii_uppercase + string.ascii_lowercase),
    "bymerge": Selection(697_932, 116_323, MERGED),
    "letters": Selection(124_800, 20_800, string.ascii_lowercase, 1),
    "digits": Selection(240_000, 40_000, string.digits),
    "mnist": Selection(60_000, 10_000, string.digits),
}


class EMNIST(ImageDataset):
    """Handwritten characters (Cohen et al. 2017), by default the 112,800 / 18,800 balanced ones of 47 classes.

    The published images are transposed. They are turned here, so that characters are upright as in MNIST.
    """

    files = FileSet(
        name="emnist",
        title="EMNIST",
        folder="EMNIST/raw",
        files=(RawFile("gzip.zip", md5="58c8d27c78d21e728a6bc7b3cc06412e"),),
        sources=(Torchvision("EMNIST", ({"split": "balanced"},)),),
    )

    @genzoo.config
    class Config(ImageDataset.Config):
        selection: Literal["balanced", "byclass", "bymerge", "letters", "digits", "mnist"] = "balanced"
        """Which characters: all 62 classes in their natural numbers (byclass), look-alikes merged (bymerge), as many
        of each (balanced), letters without case, digits, or as many digits as MNIST has."""

    def __init__(self, config: Any) -> None:
        chosen = SELECTIONS[config.selection]
        self.train_size, self.test_size = chosen.train, chosen.test
        self.class_names = tuple(chosen.names)
        self.classes = len(self.class_names)
        super().__init__(config)

    def read(self, store: Store) -> tuple[Split, Split]:
        with zipfile.ZipFile(store.ensure(self.files).folder / "gzip.zip") as archive:
            return self._part(archive, "train"), self._part(archive, "test")

    def _part(self, archive: zipfile.ZipFile, part: str) -> Split:
        def array(ending: str) -> Tensor:
            name = f"gzip/emnist-{self.config.selection}-{part}-{ending}.gz"
            content = archive.read(name)
            return torch.from_numpy(read_idx_stream(io.BytesIO(content), name, len(content)))

        y = array("labels-idx1-ubyte").long() - SELECTIONS[self.config.selection].first
        return Split(array("images-idx3-ubyte").mT.contiguous()[:, None], y)
