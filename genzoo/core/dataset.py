"""The interface of a dataset: its description, its splits and its batches.

Letters for shapes: B examples, K samples of each, S the shape of one example such as (1, 28, 28), D the shape of one
latent such as (20,).
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
    """The description of a dataset, known before any data is loaded."""

    shape: tuple[int, ...]
    """S, the shape of one example: (C, H, W) for images, (F,) for vectors."""
    likelihood: str
    """The default likelihood for these values; `--likelihood` overrides it."""
    classes: int = 0
    """Number of classes; 0 if there are no labels."""
    size: int = 0
    """Number of training examples; 0 if it is not known before they are read."""
    binary: bool = False
    """Whether every value is 0 or 1."""
    shift: float = 0.0
    """Subtracted from the stored values before a model gets them (`--standardize`)."""
    scale: float = 1.0
    """The shifted values are divided by this before a model gets them (`--standardize`)."""
    class_names: tuple[str, ...] = ()
    """The name of each class, by number; () if classes are named by their numbers."""

    @property
    def is_image(self) -> bool:
        """Whether S is (C, H, W)."""
        return len(self.shape) == 3

    @property
    def numel(self) -> int:
        """The number of values in one example."""
        return math.prod(self.shape)

    def class_name(self, number: int) -> str:
        """Return the name of a class."""
        return self.class_names[number] if 0 <= number < len(self.class_names) else str(number)

    def class_number(self, name: str) -> int | None:
        """Return the number of the class with this name; None if there is none."""
        names = self.class_names or tuple(map(str, range(self.classes)))
        return names.index(name) if name in names else None

    def labels(self, y: Tensor) -> list[str] | list[int]:
        """Return the names of classes with numbers y [N], as whole numbers if all names are whole numbers."""
        names = [self.class_name(number) for number in y.tolist()]
        whole = all(re.fullmatch(r"0|-?[1-9]\d{0,17}", name) for name in self.class_names)
        return [int(name) for name in names] if whole else names

    def view(self, x: Tensor) -> Tensor:
        """Convert values [*, *S] from the data's own units to those of the model."""
        return x if (self.shift, self.scale) == (0, 1) else (x - self.shift) / self.scale

    def original(self, x: Tensor) -> Tensor:
        """Convert a model's output [*, *S] to the data's own units, in which images lie in [0, 1]."""
        return x if (self.shift, self.scale) == (0, 1) else x * self.scale + self.shift


class Batch(NamedTuple):
    """A batch of examples, as a model gets them."""

    x: Tensor
    """[B, *S], float. Images lie in [0, 1] unless they are standardised."""
    y: Tensor | None = None
    """[B] class numbers, int64; None if there are no labels."""


class Split(NamedTuple):
    """One part of a dataset, as stored: uint8 images (0 … 255) or float32 values."""

    x: Examples
    """[N, *S], uint8 or float32; a `genzoo.core.rows.Rows` if it must not be read into memory as a whole."""
    y: Tensor | None = None
    """[N] class numbers, int64; None if there are no labels."""


class Splits(NamedTuple):
    """The splits that a dataset loads."""

    train: Split
    validation: Split | None
    test: Split


class Dataset(Protocol):
    """A source of verified data, as whole tensors."""

    Config: ClassVar[type[Any]]

    def __init__(self, config: Any) -> None: ...

    @property
    def spec(self) -> DataSpec:
        """The description of the data, known before any file is opened."""
        ...

    def load(self, store: Store) -> Splits:
        """Load the data. Files are fetched and verified through `store`."""
        ...


@runtime_checkable
class KnownDensity(Protocol):
    """A dataset with a known density, from which its examples were drawn."""

    def log_density(self, x: Tensor) -> Tensor:
        """Return ln p(x) in nats, [n], of examples [n, *S] in the data's own units."""
        ...


@runtime_checkable
class Encoded(Protocol):
    """A dataset whose examples are codes of other data, such as latents of another run's model.

    `genzoo sample` and the figures of samples and reconstructions show what the codes stand for.
    """

    def decoded_spec(self) -> DataSpec:
        """Return the description of the data that the codes stand for."""
        ...

    def decode(self, x: Tensor) -> Tensor:
        """Return what codes [n, *S], in the units of this dataset, stand for, in the other data's own units.

        The result is [n, *T] on the CPU, with T the shape of `decoded_spec()`; images lie in [0, 1].
        """
        ...


@runtime_checkable
class HoldsOutClasses(Protocol):
    """A dataset that excludes some classes from its training split."""

    def unseen(self, y: Tensor) -> Tensor | None:
        """Return a mask [n], bool: which class numbers y [n] were excluded from training; None if no class was."""
        ...
