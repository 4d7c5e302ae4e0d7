"""What the datasets of users' own files share: the path, the cut into splits, the record."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import torch

import genzoo
from genzoo.data.rows import Examples, chunks
from genzoo.data.splits import fixed_permutation, take
from genzoo.data.store import Found
from genzoo.errors import UsageError
from genzoo.protocols import Split, Splits

Share = Annotated[float, genzoo.Range(0, 0.9)]


class Parts(NamedTuple):
    """What a file holds: everything in one part, unless it is cut already."""

    train: Split
    validation: Split | None = None
    test: Split | None = None


class OwnData(ABC):
    """Data of a user's own file or folder; a subclass reads it, and says what it is before it is read."""

    kind: ClassVar[str] = "FILE"

    @genzoo.config
    class Config:
        path: str = ""
        """The file or folder."""
        validation: Share = 0.1
        """The share held out for validation, by a fixed permutation; 0: none."""
        test: Share = 0.1
        """The share held out for testing, by the same permutation; unused where the file has test data of its own."""

        def __post_init__(self) -> None:
            if self.path:  # a run is used from other folders than the one it was made in
                object.__setattr__(self, "path", os.path.abspath(os.path.expanduser(self.path)))

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def path(self) -> Path:
        """The user's file or folder.

        Raises:
            UsageError: None was named, or it is not there.
        """
        if not self.config.path:
            raise UsageError("your own data need a path", f"--data.path {self.kind}")
        path = Path(self.config.path)
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder", f"--data.path {self.kind}")
        return path

    @property
    @abstractmethod
    def spec(self) -> genzoo.DataSpec:
        """Known before training; reads what it must."""

    @abstractmethod
    def read(self) -> Parts:
        """Everything, in the order of the file."""

    def load(self, store: genzoo.Store) -> genzoo.Splits:
        parts = self.read()
        splits = cut(parts, self.config.validation, self.config.test)
        digest = {"x": digest_of(part.x for part in parts if part is not None)}
        store.found[type(self).__name__.lower()] = Found(self.path.parent, str(self.path), digest)
        return splits


class InMemory(OwnData):
    """Own data whose form is known only from the numbers themselves: the file is read once, for spec and load."""

    @abstractmethod
    def parse(self) -> Parts:
        """Reads and checks the file."""

    @cached_property
    def parts(self) -> Parts:
        """What `parse` gave."""
        return self.parse()

    def read(self) -> Parts:
        return self.parts

    @property
    def spec(self) -> genzoo.DataSpec:
        present = [part for part in self.parts if part is not None]
        shape = tuple(present[0].x.shape[1:])
        labels = [int(part.y.max()) for part in present if part.y is not None]
        train = cut(self.parts, self.config.validation, self.config.test).train
        binary = all(bool(((chunk == 0) | (chunk == 1)).all()) for part in present for chunk in chunks(part.x))
        bounded = len(shape) == 3 or present[0].x.dtype == torch.uint8 or binary
        likelihood = "bernoulli" if bounded else "gaussian-learned"
        return genzoo.DataSpec(shape, likelihood, classes=max(labels, default=-1) + 1, size=len(train.x))


def cut(parts: Parts, validation: float, test: float) -> Splits:
    """Training, validation and test data: shares of all examples, disjoint, by the fixed permutation.

    Raises:
        UsageError: Nothing would be left to train on.
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


def digest_of(parts: Iterable[Examples]) -> str:
    """SHA-256 of examples, for the record of a run."""
    digest = hashlib.sha256()
    for x in parts:
        for chunk in chunks(x):
            digest.update(chunk.contiguous().numpy().data)
    return digest.hexdigest()
