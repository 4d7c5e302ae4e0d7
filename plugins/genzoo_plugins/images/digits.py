"""The 1,797 handwritten digits of 8×8 pixels that scikit-learn also includes. They need no download.

They are the test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak 1998, UCI Machine Learning
Repository, doi 10.24432/C50P49), licensed CC BY 4.0. The two files beside this one hold them as gzipped idx, with the
original grey levels 0 … 16.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

import genzoo
from genzoo.core.dataset import Split
from genzoo.data.image_dataset import ImageDataset, read_split
from genzoo.data.splits import hold_out
from genzoo.data.store import Store

TOTAL = 1797
TEST = 360
"""Images held out for testing."""
LEVELS = 16
"""The largest grey level in the files."""


class Digits(ImageDataset):
    """Small handwritten digits, by default 1,257 / 180 / 360 images, split by a fixed permutation."""

    side = 8
    train_size = TOTAL - TEST
    test_size = TEST

    @genzoo.config
    class Config(ImageDataset.Config):
        validation: genzoo.Natural = 180
        """Training images held out for validation, by a fixed permutation; 0: train on all."""

    def read(self, store: Store) -> tuple[Split, Split]:
        here = Path(__file__).parent
        levels, y, _ = read_split(here / "digits-images-idx3-ubyte.gz", here / "digits-labels-idx1-ubyte.gz")
        assert isinstance(levels, Tensor)
        x = ((levels.int() * 510 + LEVELS) // (2 * LEVELS)).byte()  # round(255 v / 16), halves up, in integers
        train, test = hold_out(Split(x, y), TEST)
        assert test is not None
        return train, test
