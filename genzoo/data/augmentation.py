"""Random changes of training images on the device, drawn anew for each image at each visit.

The transforms of `torchvision.transforms.v2` draw once for a whole batch and decide in Python, so a captured step would
repeat one draw. These draw for each image, from the generators that a resumed run restores.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec
from genzoo.core.errors import UsageError
from genzoo.core.noise import uniform

HINT = "--data.augment flip, crop:4 or flip,crop:4"


class Augmentation(NamedTuple):
    """What is done to a batch of images [B, C, H, W]; the result has the same shape and range."""

    flip: bool = False
    """Exchange left and right in half of the images."""
    crop: int = 0
    """Shift by up to this many pixels in both directions; the border is filled by reflection."""

    def __call__(self, x: Tensor) -> Tensor:
        draws = uniform(x.new_empty(len(x), 3))
        if self.crop:
            x = shifted(x, (draws[:, :2] * (2 * self.crop + 1)).long().clamp(max=2 * self.crop), self.crop)
        return torch.where((draws[:, 2] < 0.5)[:, None, None, None], x.flip(-1), x) if self.flip else x


def shifted(x: Tensor, offset: Tensor, border: int) -> Tensor:
    """Cut each image out of itself with a reflected border.

    Args:
        x: [B, C, H, W].
        offset: [B, 2] int64, row and column of the first pixel that is kept, 0 to 2 · border.
        border: Pixels added at each side, fewer than H and W.
    """
    height, width = x.shape[-2:]
    wide = torch.nn.functional.pad(x, (border,) * 4, mode="reflect").permute(0, 2, 3, 1)
    image = torch.arange(len(x), device=x.device)[:, None, None]
    rows = offset[:, 0, None] + torch.arange(height, device=x.device)
    columns = offset[:, 1, None] + torch.arange(width, device=x.device)
    return wide[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def parse(text: str) -> Augmentation:
    """Return the augmentation that an option names, such as "flip,crop:4", or "none".

    Raises:
        UsageError: The text names something else.
    """
    found = re.fullmatch(r"none|(flip)?(?:(?:^|(?<=flip),)crop:([1-9]\d{0,3}))?", text)
    if not text or found is None:
        raise UsageError(f"--data.augment {text}: not an augmentation", HINT)
    return Augmentation(bool(found[1]), int(found[2] or 0))


class AugmentedImages(ABC):
    """A dataset of images whose option `augment` names what is done to training images."""

    config: Any

    @property
    @abstractmethod
    def spec(self) -> DataSpec:
        """The description of the images."""

    def augmentation(self) -> Augmentation | None:
        """Return what is done to training images; None: nothing.

        Raises:
            UsageError: The option is wrong, or the images are too small.
        """
        wanted, shape = parse(self.config.augment), self.spec.shape
        if wanted.crop >= min(shape[1:]):
            raise UsageError(f"--data.augment crop:{wanted.crop}: the images are {shape[1]}x{shape[2]}", HINT)
        return wanted if any(wanted) else None
