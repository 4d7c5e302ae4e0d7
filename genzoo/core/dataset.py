"""The interface of a dataset: its description, its splits and its batches.

Letters for shapes: B examples, K samples of each, S the shape of one example such as (1, 28, 28), D the shape of one
latent such as (20,).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from genzoo.core.rows import Examples

if TYPE_CHECKING:
    from genzoo.data.store import Store


Kind = Literal["image", "vector", "tokens", "signal"]
"""What an example is: an image (C, H, W); a vector (F,); a sequence (L,) of whole numbers that are names, such as
characters; or a signal (C, L) over time, such as sound."""
PADDING = 0
"""The token that fills a sequence up to its length; in a density it is also the symbol of the end."""
UNKNOWN = -1
"""The label of an example whose class is not known."""


class Part(NamedTuple):
    """A named part of a row, such as one of several views or a column of a table."""

    name: str
    shape: tuple[int, ...] = (1,)
    levels: int = 0
    """K, if its values are names: the whole numbers 0 … K − 1, without order; 0: they are numbers."""


class _Fields(NamedTuple):
    shape: tuple[int, ...]
    """S, the shape of one example: (C, H, W) for images, (F,) for vectors, (L,) for tokens, (C, L) for signals."""
    likelihood: str
    """The default likelihood for these values; `--likelihood` overrides it. "" for tokens."""
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
    kind: Kind = ""  # type: ignore[assignment]  # always filled by DataSpec
    """What an example is; by default an image for three axes, else a vector."""
    levels: int = 0
    """The number of values of a discrete variable: 256 for images of bytes, the size of the vocabulary for tokens with
    the padding; 0: continuous, or not known."""
    symbols: tuple[str, ...] = ()
    """The text of each token by number, that of the padding first; () if tokens have no text."""
    rate: float = 0.0
    """Samples of a signal in a second; 0: not known."""
    parts: tuple[Part, ...] = ()
    """The parts of a row, in the order in which the flat vector holds them; () if it is one."""
    grid: tuple[int, ...] = ()
    """The shape of the grid whose places a sequence of tokens lists, the last axis first. Each place has a token, so
    there is no padding; () if tokens are a text, which ends at the first padding."""


class DataSpec(_Fields):
    """The description of a dataset, known before any data is loaded."""

    __slots__ = ()
    if not TYPE_CHECKING:  # the signature is that of the fields

        @wraps(_Fields.__new__)
        def __new__(cls, *fields: Any, **named: Any) -> DataSpec:
            made = super().__new__(cls, *fields, **named)
            return made if made.kind else made._replace(kind="image" if len(made.shape) == 3 else "vector")

    @property
    def is_image(self) -> bool:
        """Whether an example is an image (C, H, W)."""
        return self.kind == "image"

    @property
    def is_discrete(self) -> bool:
        """Whether an example is a sequence of tokens, which have no order and no distances."""
        return self.kind == "tokens"

    @property
    def measure(self) -> Literal["probability", "density", "mixed"]:
        """What a known density of these data is: a row of names and numbers has a mixed one."""
        named = {bool(part.levels) for part in self.parts}
        if self.is_discrete or named == {True}:
            return "probability"
        return "mixed" if len(named) == 2 else "density"

    def split(self, x: Tensor) -> dict[str, Tensor]:
        """Return the parts of rows x [*, F] by name, [*, *shape] each; without `parts`, x itself under ""."""
        if not self.parts:
            return {"": x}
        sizes = [math.prod(part.shape) for part in self.parts]
        pieces = x.split(sizes, -1)
        return {
            part.name: piece.unflatten(-1, part.shape) for part, piece in zip(self.parts, pieces, strict=True)
        }  # fmt: skip

    def spell(self, x: Tensor) -> list[str]:
        """Return sequences of tokens x [N, L] as texts, without what follows the first padding.

        Tokens without symbols are written as numbers with blanks between them.
        """
        ended = [row[: row.index(PADDING)] if PADDING in row else row for row in x.tolist()]
        if not self.symbols:
            return [" ".join(map(str, row)) for row in ended]
        return ["".join(self.symbols[token] for token in row) for row in ended]

    @property
    def numel(self) -> int:
        """The number of values in one example."""
        return math.prod(self.shape)

    def class_name(self, number: int) -> str:
        """Return the name of a class; "unknown" for −1."""
        if number == UNKNOWN:
            return "unknown"
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
    """[B, *S], float. Images lie in [0, 1] unless they are standardised. Tokens are int64."""
    y: Tensor | None = None
    """[B] class numbers, int64, −1 for an unknown class; None if there are no labels."""


class Split(NamedTuple):
    """One part of a dataset, as stored: uint8 images (0 … 255), float32 values, or tokens of a signed integer type."""

    x: Examples
    """[N, *S], uint8, float32, or int8 to int64 for tokens; a `genzoo.core.rows.Rows` if it must not be read into
    memory as a whole."""
    y: Tensor | None = None
    """[N] class numbers, int64, −1 for an unknown class; None if there are no labels."""
    factors: Tensor | None = None
    """[N, K] what each generated example was made from, int64; None if that is not known."""


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
class Factored(Protocol):
    """A dataset whose examples are rendered from factors, such as shape and position. Its splits have `factors`."""

    factors: ClassVar[tuple[str, ...]]
    """The name of each factor."""
    factor_sizes: ClassVar[tuple[int, ...]]
    """The number of values of each factor."""

    def render(self, index: Tensor) -> Tensor:
        """Return the examples of factors [n, K] int64, as stored: [n, *S]."""
        ...


@runtime_checkable
class KeepsArrays(Protocol):
    """A dataset of what a program holds in memory: `genzoo.run(model, x)` trains on it.

    Its class is asked, before there is a configuration.
    """

    @classmethod
    def keep(cls, x: Any, labels: Any = None) -> dict[str, Any]:
        """Keep examples for the runs of this process, and return the options that name them by their contents.

        Args:
            x: Examples, [N, …]: an array, a tensor or a table.
            labels: The class of each example, [N]; the name of a column of x; or None.
        """
        ...

    @classmethod
    def forget(cls, options: dict[str, Any]) -> None:
        """Forget the examples that `keep` named by these options."""
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
class Augmented(Protocol):
    """A dataset whose training examples are changed at random at each visit, on the device."""

    def augmentation(self) -> Callable[[Tensor], Tensor] | None:
        """Return what changes a batch of training examples; None: nothing.

        It maps values [B, *S] as the spec describes them, images in [0, 1], to the same shape, draws from
        `genzoo.core.noise`, and reads no tensor back to Python.
        """
        ...


@runtime_checkable
class HoldsOutClasses(Protocol):
    """A dataset that excludes some classes from its training split."""

    def unseen(self, y: Tensor) -> Tensor | None:
        """Return a mask [n], bool: which class numbers y [n] were excluded from training; None if no class was."""
        ...


def is_tokens(x: Examples) -> bool:
    """Return whether stored examples are tokens: signed integers. Bytes are pixels."""
    return x.dtype in (torch.int8, torch.int16, torch.int32, torch.int64)


def token_type(levels: int) -> torch.dtype:
    """Return the smallest type in which tokens of a vocabulary are stored."""
    return next(kind for kind in (torch.int8, torch.int16, torch.int32) if levels - 1 <= torch.iinfo(kind).max)
