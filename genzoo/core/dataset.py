"""The interface of a dataset, and what passes from it to a model: its description, its splits, batches of it.

Letters for shapes, everywhere: B examples, K samples of each, S one example such as (1, 28, 28), D one latent such
as (20,).
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from genzoo.core.rows import Examples

if TYPE_CHECKING:
    from genzoo.data.store import Store


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
    class_names: tuple[str, ...] = ()
    """What the user calls the classes, in the order of their numbers; () where they are called by their numbers."""

    @property
    def is_image(self) -> bool:
        """Whether S is (C, H, W)."""
        return len(self.shape) == 3

    @property
    def numel(self) -> int:
        """How many numbers one example holds."""
        return math.prod(self.shape)

    def class_name(self, number: int) -> str:
        """What the user calls a class."""
        return self.class_names[number] if 0 <= number < len(self.class_names) else str(number)

    def class_number(self, name: str) -> int | None:
        """The number of the class that the user calls so; None if there is none."""
        names = self.class_names or tuple(map(str, range(self.classes)))
        return names.index(name) if name in names else None

    def labels(self, y: Tensor) -> list[str] | list[int]:
        """Class numbers [N] as the user writes them: whole numbers where all names are."""
        names = [self.class_name(number) for number in y.tolist()]
        whole = all(re.fullmatch(r"0|-?[1-9]\d{0,17}", name) for name in self.class_names)
        return [int(name) for name in names] if whole else names

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
    """[N, *S], uint8 or float32; `genzoo.core.rows.Rows` where it is not to be read into memory."""
    y: Tensor | None = None
    """[N] int64."""


class Splits(NamedTuple):
    """What a dataset loads."""

    train: Split
    validation: Split | None
    test: Split


class Dataset(Protocol):
    """A verified source of tensors; never pictures one by one."""

    Config: ClassVar[type[Any]]

    def __init__(self, config: Any) -> None: ...

    @property
    def spec(self) -> DataSpec:
        """Known before any file is opened."""
        ...

    def load(self, store: Store) -> Splits:
        """Reads the data, fetching and verifying files through `store` where it has any."""
        ...


@runtime_checkable
class KnownDensity(Protocol):
    """What a dataset may have besides: the density that its examples were drawn from."""

    def log_density(self, x: Tensor) -> Tensor:
        """ln p of examples [n, *S] in the data's own units: [n] nats."""
        ...


@runtime_checkable
class PartlySeen(Protocol):
    """What a dataset may have besides: which test examples are of a kind that was left out of training."""

    def unseen(self, y: Tensor) -> Tensor | None:
        """Whether each class [n] was left out: [n] bool; None where none was."""
        ...
