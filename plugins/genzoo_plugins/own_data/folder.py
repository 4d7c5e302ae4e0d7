"""A folder of pictures."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch

import genzoo
from genzoo.data.pictures import MODES, Measures, measure, pictures_in, read_bytes
from genzoo.errors import UsageError
from genzoo.protocols import Split
from genzoo_plugins.own_data.base import OwnData, Parts, cut

LARGEST_SIDE = 4096
LARGEST = 1 << 32
"""Bytes of all pictures together."""


class Folder(OwnData):
    """PNG and JPEG files, kept whole in memory as bytes. Sub-folders, if there are any, are the classes, by name."""

    kind = "FOLDER"

    @genzoo.config
    class Config(OwnData.Config):
        size: str = ""
        """Scale pictures to HEIGHTxWIDTH, or N for both; without it all must share one size."""
        channels: Literal[0, 1, 3] = 0
        """1: grey, 3: colour, 0: as they are, which must then be alike."""

        def __post_init__(self) -> None:
            super().__post_init__()
            sides(self.size)

    @cached_property
    def pictures(self) -> list[tuple[Path, int]]:
        """Every picture and its class."""
        if not self.path.is_dir():
            raise UsageError(f"{self.path} is no folder", "--data.path FOLDER, or --dataset npz for arrays")
        classes = sorted(p for p in self.path.iterdir() if p.is_dir() and not p.name.startswith("."))
        loose = pictures_in(self.path)
        if classes and loose:
            raise UsageError(f"{loose[0]} lies beside sub-folders, which are classes", "move it into one of them")
        found = []
        for number, folder in enumerate(classes or [self.path]):
            here = pictures_in(folder, self.path)
            if not here:
                raise UsageError(f"{folder} holds no PNG or JPEG file", "name a folder of pictures")
            found += [(path, number) for path in here]
        return found

    @cached_property
    def measures(self) -> Measures:
        """Height, width and channels of every example, from the headers of all files."""
        size, channels = sides(self.config.size), self.config.channels
        first, wanted = self.pictures[0][0], measure(self.pictures[0][0])
        for path, _ in self.pictures:
            found = measure(path)
            if not size and found[:2] != wanted[:2]:
                raise UsageError(
                    f"{path} is {found.height}x{found.width}, {first.name} {wanted.height}x{wanted.width}",
                    f"scale all: --data.size {wanted.height}x{wanted.width}",
                )
            if not channels and found.channels != wanted.channels:
                names = {1: "grey", 3: "in colour"}
                raise UsageError(
                    f"{path} is {names[found.channels]}, {first.name} {names[wanted.channels]}",
                    "convert all: --data.channels 1, or 3",
                )
        height, width = size or wanted[:2]
        measures = Measures(height, width, channels or wanted.channels)
        if height * width * measures.channels * len(self.pictures) > LARGEST:
            raise UsageError(
                f"{len(self.pictures):,} pictures of {height}x{width} take more than {LARGEST:,} bytes",
                "scale them: --data.size 64",
            )
        return measures

    @property
    def spec(self) -> genzoo.DataSpec:
        height, width, channels = self.measures
        labels = torch.tensor([number for _, number in self.pictures])
        index = Parts(Split(labels[:, None]))
        size = len(cut(index, self.config.validation, self.config.test).train.x)
        classes = int(labels.max()) + 1 if self.has_classes else 0
        return genzoo.DataSpec((channels, height, width), "bernoulli", classes=classes, size=size)

    @property
    def has_classes(self) -> bool:
        """Whether pictures lie in sub-folders."""
        return self.pictures[0][0].parent != self.path

    def read(self) -> Parts:
        height, width, channels = self.measures
        x = torch.empty(len(self.pictures), channels, height, width, dtype=torch.uint8)
        for row, (path, _) in enumerate(self.pictures):
            x[row] = torch.from_numpy(read_bytes(path, MODES[channels], (height, width))).permute(2, 0, 1)
        y = torch.tensor([number for _, number in self.pictures]) if self.has_classes else None
        return Parts(Split(x, y))


def sides(size: str) -> tuple[int, int] | None:
    """Height and width written as "32x48" or "32"; None for "".

    Raises:
        UsageError: Neither.
    """
    if not size:
        return None
    match = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", size)
    height, width = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
        raise UsageError(
            f"--data.size {size}: neither HEIGHTxWIDTH nor one number, at most {LARGEST_SIDE}", "such as 32x48, or 64"
        )
    return height, width
