"""Base classes of datasets in users' own files: path, splits, classes and digest."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

import genzoo
from genzoo.core.dataset import Split, Splits
from genzoo.core.errors import UsageError, did_you_mean
from genzoo.core.rows import chunks
from genzoo.data.digest import digest_of
from genzoo.data.input_format import InputFormat
from genzoo.data.splits import fixed_permutation, take
from genzoo.data.store import Found
from genzoo.system.reading import near
from genzoo_plugins.own_data.scaling import Scale, fitted, remarks, scaled

Share = Annotated[float, genzoo.Range(0, 0.9)]


class Parts(NamedTuple):
    """The content of a file: all examples as `train`, or the splits that the file defines."""

    train: Split
    validation: Split | None = None
    test: Split | None = None
    classes: tuple[str, ...] = ()
    """Names of the classes, in the order of their numbers; () if there are no labels."""
    form: InputFormat = InputFormat()
    """How the file was read."""
    notes: tuple[str, ...] = ()
    """What was guessed or left out, one line each."""

    @property
    def present(self) -> list[Split]:
        """The splits that are not None."""
        return [part for part in (self.train, self.validation, self.test) if part is not None]


@genzoo.config
class Located:
    """Where own data lie."""

    path: str = ""
    """The file or folder."""


@genzoo.config
class Cut:
    """How own data are cut into splits."""

    validation: Share = 0.1
    """Share of the examples held out for validation, by a fixed permutation; 0: none."""
    test: Share = 0.1
    """Share of the examples held out for testing, by the same permutation; unused if the file has test data."""
    without: str = ""
    """Exclude the class of this name from training and validation. The test data keep it, for `genzoo anomaly`."""
    only: str = ""
    """Train and validate on the class of this name only. The test data keep all classes."""

    def __post_init__(self) -> None:
        if self.without and self.only:
            raise UsageError("--data.without and --data.only exclude each other", "leave one of them out")


class OwnData(ABC):
    """Data of a user's own file or folder. A subclass reads it and describes it before it is loaded."""

    kind: ClassVar[str] = "FILE"
    """Placeholder for the path in messages."""
    endings: ClassVar[tuple[str, ...]] = ()
    """Endings of the files that are surely of this kind, or of those in the folder, in lower case."""

    @genzoo.config
    class Config(Cut, Located):
        def __post_init__(self) -> None:
            if self.path:  # absolute: a run is also used from other working directories
                object.__setattr__(self, "path", os.path.abspath(os.path.expanduser(self.path)))
            super().__post_init__()

    def __init__(self, config: Any) -> None:
        self.config = config

    @classmethod
    def reads(cls, path: Path) -> bool:
        """Return whether a file or folder is surely of this kind, for advice; a file need not be there."""
        if path.is_dir() != (cls.kind == "FOLDER"):
            return False
        names = [path.name] if not path.is_dir() else (name for _, _, names in os.walk(path) for name in names)
        return any(name.lower().endswith(cls.endings) for name in names)

    @property
    def path(self) -> Path:
        """The user's file or folder.

        Raises:
            UsageError: No path was given, or nothing exists there.
        """
        if not self.config.path:
            raise UsageError("your own data need a path", f"--data.path {self.kind}")
        path = Path(self.config.path)
        if not path.exists():
            what = f"{path}: no such file or folder.{near(path)}"
            raise UsageError(what.rstrip("."), f"--data.path {self.kind}")
        return path

    @property
    def source(self) -> str:
        """Where the data are from, for the run's record and for messages."""
        return str(self.path)

    @property
    @abstractmethod
    def spec(self) -> genzoo.DataSpec:
        """The description of the data. Computing it may read the files."""

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their numbers; () if there are no labels."""

    @abstractmethod
    def read(self) -> Parts:
        """Return all examples, in the order of the file."""

    def load(self, store: genzoo.Store) -> genzoo.Splits:
        parts = self.read()
        splits = self.splits(parts)
        digest = {"x": digest_of(chunk for part in parts.present for chunk in chunks(part.x))}
        store.found[type(self).__name__.lower()] = Found(Path(self.source).parent, self.source, digest)
        store.notes += parts.notes
        return splits

    def splits(self, parts: Parts) -> Splits:
        """Return the splits, with the excluded classes removed from training and validation."""
        splits = cut(parts, self.config.validation, self.config.test)
        train, validation = (split and self._seen(split) for split in splits[:2])
        assert train is not None
        if not len(train.x):
            raise UsageError("no example is left to train on", "name another class")
        return Splits(train, validation, splits.test)

    def unseen(self, y: Tensor) -> Tensor | None:
        """Return the mask [N] of examples whose class was excluded from training; None if no class was."""
        if not self.config.without and not self.config.only:
            return None
        mask: Tensor = y == self._class(self.config.without or self.config.only)
        return mask if self.config.without else ~mask

    def _seen(self, split: Split) -> Split:
        if not self.config.without and not self.config.only:
            return split
        if split.y is None:
            raise UsageError("--data.without and --data.only need classes; these data have none", "leave them out")
        unseen = self.unseen(split.y)
        assert unseen is not None
        return take(split, (~unseen).nonzero()[:, 0])

    def _class(self, name: str) -> int:
        if name not in self.classes:
            option = "--data.without" if self.config.without else "--data.only"
            known = ", ".join(self.classes[:20]) or "none"
            raise UsageError(f"{option} {name}: no such class.{did_you_mean(name, self.classes)}", f"classes: {known}")
        return self.classes.index(name)


@genzoo.config
class Scaled:
    """How columns are scaled."""

    scale: Scale = "none"
    """Scaling of each column of vectors, fitted on the training data and applied to later files too.
    standard: subtract the mean and divide by the standard deviation; unit: scale the range to 0 … 1."""


class InMemory(OwnData):
    """Own data that must be read to be described. The file is read once, for `spec` and `load`."""

    @genzoo.config
    class Config(Scaled, OwnData.Config):
        """Options of own data that are held in memory."""

    @abstractmethod
    def parse(self) -> Parts:
        """Read and check the file."""

    @cached_property
    def unscaled(self) -> Parts:
        """The result of `parse`, with missing values as NaN."""
        return self.parse()

    @cached_property
    def parts(self) -> Parts:
        """The content of the file, with missing values replaced and columns scaled."""
        parts = self.unscaled
        if self.config.scale == "none" and not parts.form.width:
            return parts
        form = fitted(parts.form, self.splits(parts).train, self.config.scale, self.source)
        return scaled(parts._replace(form=form), form)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.unscaled.classes

    @property
    def form(self) -> InputFormat:
        """How the file was read."""
        return self.parts.form

    def read(self) -> Parts:
        return self.parts

    def load(self, store: genzoo.Store) -> genzoo.Splits:
        splits = super().load(store)
        notes, warnings = remarks(splits.train, self.form)
        store.notes += notes
        store.warnings += warnings
        return splits

    @property
    def spec(self) -> genzoo.DataSpec:
        parts = self.parts
        shape = tuple(parts.train.x.shape[1:])
        white = 255 if parts.train.x.dtype == torch.uint8 else 1
        binary = all(
            bool(((chunk == 0) | (chunk == white)).all()) for part in parts.present for chunk in chunks(part.x)
        )
        likelihood = "bernoulli" if len(shape) == 3 or binary else "gaussian-learned"
        return genzoo.DataSpec(
            shape,
            likelihood,
            classes=len(parts.classes),
            size=len(self.splits(parts).train.x),
            binary=binary,
            class_names=parts.classes,
        )


def cut(parts: Parts, validation: float, test: float) -> Splits:
    """Return disjoint splits: the file's own, and shares of `parts.train` for missing ones, by the fixed permutation.

    Raises:
        UsageError: No examples would be left to train on.
    """
    total = len(parts.train.x)
    tested = 0 if parts.test is not None else max(round(test * total), 1)
    validated = 0 if parts.validation is not None else round(validation * total)
    if tested + validated >= total:
        raise UsageError(
            f"{total} examples leave nothing to train on, with {validated} for validation and {tested} for testing",
            "lower --data.validation and --data.test",
        )
    order = fixed_permutation(total)
    held_out, rest = order[: tested + validated], order[tested + validated :]
    for_test = parts.test or take(parts.train, held_out[:tested].sort().values)
    for_validation = parts.validation
    if validated:
        for_validation = take(parts.train, held_out[tested:].sort().values)
    train = parts.train if not len(held_out) else take(parts.train, rest.sort().values)
    return Splits(train, for_validation, for_test)
