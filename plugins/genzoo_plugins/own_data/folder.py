"""Dataset of the pictures in a folder."""

from __future__ import annotations

import os
import time
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import torch

import genzoo
from genzoo.core.dataset import Split
from genzoo.core.errors import UsageError
from genzoo.data.augmentation import AugmentedImages
from genzoo.data.input_format import InputFormat
from genzoo.data.readers.folders import LeftOut, all_pictures_in, folders_in, pictures_in, refuse_together
from genzoo.data.readers.images import SUFFIXES, WHITE, Measures, decoder, measure_and_read
from genzoo.data.readers.labels import natural
from genzoo.system import tensor_cache
from genzoo_plugins.own_data.base import OwnData, Parts
from genzoo_plugins.own_data.sizes import sides

LARGEST = 1 << 32
"""The most bytes that all pictures together may take."""
CACHE = "pictures"
"""Name of the cache of decoded pictures."""
SETTLED = 2_000_000_000
"""Nanoseconds. A file that changed more recently may change again without a new modification time."""
PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
"""Names of the folders that are read as splits, in lower case."""


class Picture(NamedTuple):
    """One example."""

    path: Path
    part: str
    """Its split: one of the keys of `PARTS`."""
    label: str
    """Name of the folder that is its class; "" if there are no classes."""


class Folder(AugmentedImages, OwnData):
    """Picture files, all kept in memory as bytes. Sub-folders, if there are any, are classes with their names.

    Folders named train and test, or train and validation, are splits instead. Their sub-folders are the classes.
    """

    kind = "FOLDER"
    endings = SUFFIXES
    scaled_by: ClassVar[str] = "size"
    _x: torch.Tensor | None = None
    """The pixels until `read` returns them. No reference is kept, since a run needs the memory."""

    @genzoo.config
    class Config(OwnData.Config):
        size: str = ""
        """Scale pictures to HEIGHTxWIDTH, or N for both; empty: all pictures must have one size."""
        channels: Literal[0, 1, 3] = 0
        """1: grey; 3: colour; 0: as in the files, which must all be grey or all in colour."""
        background: Annotated[int, genzoo.Range(0, WHITE)] = WHITE
        """Grey level of the background behind transparent pixels: 0 is black, 255 white."""
        augment: str = "none"
        """Change training images at random: flip (left and right), crop:4 (shift by up to 4 pixels), or flip,crop:4."""

        def __post_init__(self) -> None:
            super().__post_init__()
            sides(self.size)

    @cached_property
    def left_out(self) -> LeftOut:
        """Files and folders that are left out; complete after `pictures` is computed."""
        return LeftOut()

    @cached_property
    def parts_found(self) -> dict[str, Path]:
        """The folder of each split; {} if the folders are not splits."""
        if not self.path.is_dir():
            raise UsageError(f"{self.path} is not a folder", "--data.path FOLDER, or --dataset=npz for arrays")
        folders = folders_in(self.path, self.left_out)
        named = {part: [f for f in folders if f.name.lower() in names] for part, names in PARTS.items()}
        if len(named["train"]) != 1 or not (named["test"] or named["validation"]):
            return {}
        for part, found in named.items():
            if len(found) > 1:
                raise UsageError(f"{found[0]} and {found[1]} are both {part} data", "move one of them away")
        parts = {name for names in PARTS.values() for name in names}
        others = [f for f in folders if f.name.lower() not in parts and all_pictures_in(f, self.path)]
        if others:
            raise UsageError(f"{others[0]} is beside train, but is neither a split nor a class", "move it away")
        return {part: found[0] for part, found in named.items() if found}

    @cached_property
    def pictures(self) -> list[Picture]:
        """All pictures, each with its split and its class."""
        parts = self.parts_found
        loose = pictures_in(self.path, left_out=self.left_out)
        if parts and loose:
            raise UsageError(f"{loose[0]} is beside {parts['train']}, not in the folder of a split", "move it away")
        found = [picture for part, top in (parts or {"train": self.path}).items() for picture in self._below(top, part)]
        labelled = {picture.part: bool(picture.label) for picture in found}
        if len(set(labelled.values())) > 1:
            bare = next(parts[part] for part, has_label in labelled.items() if not has_label)
            what = f"{bare} has no sub-folders of classes, but another split has"
            raise UsageError(what, "add them, or move it away")
        return found

    def _below(self, top: Path, part: str) -> list[Picture]:
        """Return the pictures of one split."""
        classes = folders_in(top, self.left_out)
        loose = pictures_in(top, self.path, self.left_out)
        if classes and loose:
            raise UsageError(f"{loose[0]} is beside sub-folders, which are classes", "move it into one of them")
        found = []
        for folder in sorted(classes, key=lambda path: natural(path.name)) or [top]:
            here = all_pictures_in(folder, self.path, self.left_out) if classes else loose
            if not here:
                raise UsageError(f"{folder} holds no picture{self._others()}", "move it, or name a folder of pictures")
            found += [Picture(path, part, folder.name if classes else "") for path in here]
        return found

    def _others(self) -> str:
        """Return the part of a message that lists what was left out; "" if nothing was."""
        others = str(self.left_out)
        return f", but {others}" if others else ""

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({picture.label for picture in self.pictures if picture.label}, key=natural))

    @cached_property
    def measured(self) -> list[Measures]:
        """Size and channels of every picture. Each file is opened once: its pixels are decoded for `read` too.

        Raises:
            UsageError: Some pictures cannot be read. One message names them.
        """
        started, stamps = time.time_ns(), self._stamps()
        known = tensor_cache.read(CACHE, stamps) if stamps else None
        if known is not None:
            self._x = known["x"]
            return [Measures(*row)._replace(transparent=bool(row[3])) for row in known["measured"].tolist()]
        measured, self._x = self._decoded()
        settled = stamps and max(stamp[-1] for stamp in stamps[-1]) < started - SETTLED
        if self._x is not None and settled and stamps == self._stamps():
            tensor_cache.write(CACHE, stamps, {"x": self._x, "measured": torch.tensor(measured, dtype=torch.int32)})
        return measured

    def _decoded(self) -> tuple[list[Measures], torch.Tensor | None]:
        """Return the measures, and the pixels [N, C, H, W] or None if pictures differ in form or are too large."""
        found: list[Measures] = []
        problems, x, alike = [], None, True
        for row, picture in enumerate(self.pictures):
            try:
                one, pixels = measure_and_read(
                    picture.path,
                    lambda one: self._example(found[0] if found else one, one) if alike else None,  # noqa: B023
                    self.config.background,
                )
            except UsageError as error:
                problems.append(error)
                continue
            found.append(one)
            if pixels is None:
                alike = False
                continue
            if x is None:
                x = torch.empty(len(self.pictures), pixels.shape[2], *pixels.shape[:2], dtype=torch.uint8)
            x[row] = torch.from_numpy(pixels).permute(2, 0, 1)
        refuse_together(problems)
        return found, x if alike else None

    def _example(self, first: Measures, one: Measures) -> Measures | None:
        """Return the form of a picture as an example; None if the first one's differs, or all are too large."""
        size, channels = sides(self.config.size), self.config.channels
        height, width = size or first[:2]
        example = Measures(height, width, channels or first.channels)
        alike = (size or one[:2] == first[:2]) and (channels or one.channels == first.channels)
        return example if alike and self._bytes(example) <= LARGEST else None

    def _bytes(self, one: Measures) -> int:
        """Return the bytes of all pictures if each has the form of this one."""
        return one.height * one.width * one.channels * len(self.pictures)

    def _stamps(self) -> list[Any]:
        """Return what the pixels depend on: options, decoder and state of every file; [] if a file is missing."""
        start = len(os.path.join(self.path, ""))
        states = []
        for path in (str(picture.path) for picture in self.pictures):
            try:
                file = os.stat(path)
            except OSError:
                return []
            states.append([path[start:], file.st_size, file.st_mtime_ns, file.st_ctime_ns])
        return [self.config.size, self.config.channels, self.config.background, decoder(), states]

    @cached_property
    def measures(self) -> Measures:
        """Height, width and channels of every example.

        Raises:
            UsageError: The pictures differ in size or channels, or take more than `LARGEST` bytes.
        """
        size, channels, found = sides(self.config.size), self.config.channels, self.measured
        if not size:
            self._refuse_other_sizes(found)
        kinds = Counter(one.channels for one in found)
        if not channels and len(kinds) > 1:
            rare = min(kinds, key=kinds.__getitem__)
            example = next(p.path for p, one in zip(self.pictures, found, strict=True) if one.channels == rare)
            raise UsageError(
                f"{kinds[3]:,} pictures are in colour and {kinds[1]:,} grey, such as {example}"
                if rare == 1
                else f"{kinds[1]:,} pictures are grey and {kinds[3]:,} in colour, such as {example}",
                "convert all: --data.channels 1, or 3",
            )
        height, width = size or found[0][:2]
        measures = Measures(height, width, channels or found[0].channels)
        if self._bytes(measures) > LARGEST:
            raise UsageError(
                f"{len(found):,} pictures of {height}x{width} take more than {LARGEST:,} bytes",
                "scale them: --data.size 64",
            )
        return measures

    def _refuse_other_sizes(self, found: list[Measures]) -> None:
        """Refuse pictures of different sizes."""
        sizes = Counter((one.height, one.width) for one in found)
        (common, count), *others = sizes.most_common()
        if others:
            row = next(row for row, one in enumerate(found) if one[:2] != common)
            odd = found[row]
            raise UsageError(
                f"pictures have {len(sizes):,} sizes: {count:,} of {len(found):,} are {common[0]}x{common[1]}, "
                f"{self.pictures[row].path} is {odd.height}x{odd.width}",
                f"scale all: --data.size {common[0]}x{common[1]}",
            )

    @property
    def spec(self) -> genzoo.DataSpec:
        height, width, channels = self.measures[:3]
        index = self._parts(torch.arange(len(self.pictures))[:, None])
        size = len(self.splits(index).train.x)
        classes = self.classes
        return genzoo.DataSpec(
            (channels, height, width), "bernoulli", classes=len(classes), size=size, class_names=classes
        )

    @property
    def form(self) -> InputFormat:
        """How the pictures were read."""
        return InputFormat(white=WHITE)

    def read(self) -> Parts:
        if self._x is None:  # returned before: decode again
            for name in ("measured", "measures"):
                vars(self).pop(name, None)
        _ = self.measures
        x, self._x = self._x, None
        assert x is not None, "`measures` refuses pictures that are not alike"
        return self._parts(x)._replace(notes=tuple(self._notes()), form=self.form)

    def _parts(self, x: torch.Tensor) -> Parts:
        """Return the splits of a tensor with one row for each picture."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        y = torch.tensor([numbers[picture.label] for picture in self.pictures]) if numbers else None
        found = {}
        for part in PARTS:
            index = torch.tensor([row for row, p in enumerate(self.pictures) if p.part == part], dtype=torch.int64)
            whole = len(index) == len(x)
            if len(index):
                found[part] = Split(x if whole else x[index], y if y is None or whole else y[index])
        return Parts(found["train"], found.get("validation"), found.get("test"), self.classes, self.form)

    def _notes(self) -> list[str]:
        """Return lines about folders read as splits, files left out, and transparent pictures."""
        notes = []
        if self.parts_found:
            roles = ", ".join(f"{folder.name} as {part} data" for part, folder in self.parts_found.items())
            notes.append(f"{self.path}: folders read as splits, not as classes: {roles}")
        if str(self.left_out):
            notes.append(f"{self.path}: left out {self.left_out}")
        transparent = sum(one.transparent for one in self.measured)
        if transparent:
            ground = {0: "black", WHITE: "white"}.get(self.config.background, f"grey {self.config.background}")
            notes.append(
                f"{self.path}: {transparent:,} pictures may be transparent and are drawn on {ground}; "
                "--data.background sets another background"
            )
        return notes
