"""Small pictures that are rendered from known factors."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor

import genzoo
from genzoo.data.splits import Labelled, fixed_permutation, with_labels_of

SIDE = 16
RADII = (2.0, 3.0, 4.0)
"""Half the height of a shape in pixels, by its size."""
PLACES = 8
"""Positions along each axis; the first centre lies at 4 pixels."""


class Sprites:
    """A white square, disc or triangle on black, in three sizes and at 8×8 places: 576 pictures, all different.

    The class is the shape. Pictures are split by a fixed permutation.
    """

    files = None
    factors = ("shape", "size", "x", "y")
    factor_sizes = (3, len(RADII), PLACES, PLACES)

    @genzoo.config
    class Config:
        validation: Annotated[int, genzoo.Range(0, 200)] = 58
        """Pictures held out for validation; 0: none."""
        test: Annotated[int, genzoo.Range(1, 200)] = 116
        """Pictures held out for testing."""
        labelled: Labelled = None
        """Keep the labels of this many training pictures, equally many of each class; the others are unknown."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def total(self) -> int:
        """The number of pictures."""
        return int(torch.tensor(self.factor_sizes).prod())

    @property
    def spec(self) -> genzoo.DataSpec:
        size = self.total - self.config.validation - self.config.test
        names = ("square", "disc", "triangle")
        return genzoo.DataSpec(
            (1, SIDE, SIDE), "bernoulli", classes=len(names), size=size, binary=True, class_names=names
        )

    def load(self, store: genzoo.Store) -> genzoo.Splits:
        own, order = self.config, fixed_permutation(self.total)
        test, validation, train = order.split([own.test, own.validation, len(order) - own.test - own.validation])
        kept = with_labels_of(self._of(train), own.labelled, self.spec.classes)
        return genzoo.Splits(kept, self._of(validation) if own.validation else None, self._of(test))

    def _of(self, numbers: Tensor) -> genzoo.Split:
        factors = torch.stack(torch.unravel_index(numbers.sort().values, self.factor_sizes), 1)
        return genzoo.Split(self.render(factors), factors[:, 0], factors)

    def render(self, index: Tensor) -> Tensor:
        """Return the pictures of factors [n, 4], uint8 [n, 1, 16, 16]."""
        shape, size, x, y = (part[:, None, None] for part in index.T)
        pixel = torch.arange(SIDE, device=index.device) + 0.5
        radius = torch.tensor(RADII, device=index.device)[size]
        across, down = (pixel[None, None] - x - 4).abs(), pixel[None, :, None] - y - 4
        square = (across < radius) & (down.abs() < radius)
        disc = across.square() + down.square() < radius.square()
        triangle = (across < (down + radius) / 2) & (down.abs() < radius)
        white = torch.where(shape == 0, square, torch.where(shape == 1, disc, triangle))
        return 255 * white[:, None].to(torch.uint8)
