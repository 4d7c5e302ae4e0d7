"""What passes from a dataset to a model: its description, its stored splits and batches of it."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from genzoo.data.rows import Examples


class DataSpec(NamedTuple):
    """What a model is told about the data before it sees any."""

    shape: tuple[int, ...]
    """S, the shape of one example: (C, H, W) for images, (F,) for vectors."""
    likelihood: str
    """The likelihood that suits the values; a user may ask for another one."""
    classes: int = 0
    """Number of classes; 0 if there are no labels."""
    size: int = 0
    """Number of training examples; 0 where it is not known before they are read."""
    binary: bool = False
    """Whether every value is 0 or 1."""
    shift: float = 0.0
    """What was subtracted from the values that a dataset stores, before …"""
    scale: float = 1.0
    """… they were divided by this: the view of them that a model gets (`--standardize`)."""

    @property
    def is_image(self) -> bool:
        """Whether S is (C, H, W)."""
        return len(self.shape) == 3

    @property
    def numel(self) -> int:
        """How many numbers one example holds."""
        return math.prod(self.shape)

    def view(self, x: Tensor) -> Tensor:
        """Values [*, *S] in the data's own units as a model gets them."""
        return x if (self.shift, self.scale) == (0, 1) else (x - self.shift) / self.scale

    def original(self, x: Tensor) -> Tensor:
        """What a model puts out, [*, *S], in the data's own units: images lie in [0, 1] again."""
        return x if (self.shift, self.scale) == (0, 1) else x * self.scale + self.shift


class Batch(NamedTuple):
    """Examples on their way through a model."""

    x: Tensor
    """[B, *S], float. Images lie in [0, 1] unless they were standardised."""
    y: Tensor | None = None
    """[B] class numbers, int64, or None."""


class Split(NamedTuple):
    """One part of a dataset, as stored: uint8 images (0 … 255) or float32 values."""

    x: Examples
    """[N, *S], uint8 or float32; `genzoo.data.rows.Rows` where it is not to be read into memory."""
    y: Tensor | None = None
    """[N] int64."""


class Splits(NamedTuple):
    """What a dataset loads."""

    train: Split
    validation: Split | None
    test: Split
