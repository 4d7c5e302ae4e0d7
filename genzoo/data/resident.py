"""A split in the memory of the device, gathered by index: no DataLoader and no copy at each step."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import cached_property

import torch
from torch import Tensor

from genzoo.core.dataset import Batch, Split, is_tokens
from genzoo.core.distributions import Support
from genzoo.core.errors import UsageError
from genzoo.core.noise import content_keys, keyed_bits, uniform
from genzoo.core.rows import Examples, chunks, in_place
from genzoo.data.view import Binarize

BINARIZE_WORD = 1 << 20  # offset in an image's random stream of the words for its pixels, far from the sampling noise


class Resident:
    """Examples on a device. Batches are floats: uint8 images in [0, 1], other values unchanged, then standardised.

    Tokens are int64 in a batch.

    Args:
        split: x [N, *S], uint8, float32 or, for tokens, a signed integer type.
        device: Where the examples are kept.
        binarize: See `genzoo.training.config.Training`.
        training: Whether "dynamic" draws new pixels at each visit. In evaluation it uses the static draw.
        shift: Subtracted from every value (see `standardisation`).
        scale: Every value is divided by this after the subtraction.
        augment: Changes a batch of values before they are binarised or standardised; None: nothing.

    Raises:
        UsageError: The values are to be binarised and are not uint8.
    """

    def __init__(
        self,
        split: Split,
        device: torch.device,
        binarize: Binarize = "none",
        training: bool = False,
        shift: float = 0.0,
        scale: float = 1.0,
        augment: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        x = in_place(split.x)
        if binarize != "none" and x.dtype != torch.uint8:
            stored = str(x.dtype).removeprefix("torch.")
            raise UsageError(f"--binarize={binarize} is for images stored as uint8; these data are {stored}")
        self.redraw = binarize == "dynamic" and training
        self.bits: Binarize = "none" if self.redraw else binarize
        self.tokens = is_tokens(x)
        self.white = 255.0 if x.dtype == torch.uint8 and self.bits == "none" else 1.0
        self.shift = shift
        self.scale = scale
        self.augment = augment
        self.device = device
        self.y = None if split.y is None else split.y.to(device)
        self.x = self._place(x)

    @property
    def index_device(self) -> torch.device:
        """The device on which `inputs` expects the indices."""
        return self.device

    def _place(self, x: Examples) -> Examples:
        """Return the examples on the device, binarised unless they are drawn at each visit."""
        if isinstance(x, Tensor) and self.bits == "none":
            return x.to(self.device)
        kept = torch.empty(x.shape, dtype=x.dtype, device=self.device)
        start = 0
        for chunk in chunks(x):
            kept[start : start + len(chunk)] = fixed_bits(chunk, self.bits)
            start += len(chunk)
        return kept

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, index: Tensor) -> Batch:
        """Return the examples at `index` [B], an int64 tensor on the device."""
        return self.to_batch(*next(self.inputs([index])))

    def inputs(self, batches: Iterable[Tensor]) -> Generator[tuple[Tensor, ...], None, None]:
        """Yield the arguments of `to_batch` for each batch of indices: tensors on the device, of the same shapes."""
        return ((index,) for index in batches)

    def to_batch(self, *inputs: Tensor) -> Batch:
        """Return the batch of the examples at an index [B].

        Only device operations are used, so that a CUDA graph can capture them with the step.
        """
        (index,) = inputs
        assert isinstance(self.x, Tensor)
        y = None if self.y is None else self.y.index_select(0, index)
        return Batch(self._transform(self.x.index_select(0, index)), y)

    def _transform(self, stored: Tensor) -> Tensor:
        """Return stored examples as model inputs; `stored` is not changed."""
        if self.tokens:
            return stored.to(torch.int64)
        x = stored.to(torch.float32)
        if self.white != 1.0:
            x = x.div_(self.white)
        if self.augment is not None:
            x = self.augment(x)
        if self.redraw:
            x = (uniform(x) < x).to(torch.float32)
        if (self.shift, self.scale) != (0.0, 1.0):
            x = (x - self.shift).div_(self.scale)
        return x

    @cached_property
    def binary(self) -> bool:
        """Whether every value of every batch is 0 or 1."""
        if not self.as_stored or self.tokens:
            return False
        return self.redraw or all(bool(((x == 0) | (x == self.white)).all()) for x in self.stored())

    @cached_property
    def levels(self) -> bool:
        """Whether every value of every batch is a grey level k/255, within rounding."""
        if not self.as_stored or self.tokens:
            return False
        return self.redraw or self.x.dtype == torch.uint8 or all(bool(_are_levels(x).all()) for x in self.stored())

    @cached_property
    def counts(self) -> bool:
        """Whether every value of every batch is a whole number from 0."""
        if not self.as_stored or self.white != 1.0:
            return self.binary
        return self.redraw or all(bool(((x == x.floor()) & (x >= 0)).all()) for x in self.stored())

    @cached_property
    def in_unit(self) -> bool:
        """Whether every value lies in [0, 1] before standardisation, as pixels do."""
        return self.x.dtype == torch.uint8 or all(bool(((x >= 0) & (x <= 1)).all()) for x in self.stored())

    @property
    def as_stored(self) -> bool:
        """Whether the values are not standardised."""
        return (self.shift, self.scale) == (0.0, 1.0)

    def holds(self, support: Support) -> bool:
        """Whether every value of every batch lies in a distribution's support."""
        return support == "any" or bool(getattr(self, support))

    @cached_property
    def keys(self) -> Tensor:
        """The noise key of each example, [N] int64, computed from its content only (see `genzoo.core.noise`)."""
        return torch.cat([content_keys(chunk.to(self.device)) for chunk in self.stored()])

    def stored(self) -> Iterator[Tensor]:
        """Return the stored examples in chunks [≤ 4096, *S], binarised unless they are drawn at each visit."""
        return chunks(self.x)


def _are_levels(x: Tensor) -> Tensor:
    """Return the mask of values that are grey levels, within rounding."""
    levels = x * 255
    return (levels - levels.round()).abs().lt(1e-3) & (x >= 0) & (x <= 1)


def standardisation(split: Split) -> tuple[float, float]:
    """Return mean and standard deviation over all values of a split, for images on the scale from 0 to 1.

    Raises:
        UsageError: All values are equal.
    """
    x = in_place(split.x)
    white, count = 255.0 if x.dtype == torch.uint8 else 1.0, x.numel()
    mean = sum(chunk.double().sum().item() for chunk in chunks(x)) / count
    variance = sum((chunk.double() - mean).square().sum().item() for chunk in chunks(x)) / count
    if not variance > 0:
        raise UsageError("--standardize global: all training values are the same", "leave --standardize out")
    return mean / white, variance**0.5 / white


def fixed_bits(x: Tensor, binarize: Binarize) -> Tensor:
    """Binarise grey images [N, *S] uint8 to 0 or 1; "dynamic" gives the static draw of evaluation."""
    if binarize == "none":
        return x
    return (x > 127).to(torch.uint8) if binarize == "threshold" else static_bits(x)


def static_bits(x: Tensor) -> Tensor:
    """Binarise grey images by one fixed draw: a pixel is 1 with its grey value as the probability.

    The draw depends only on the bytes of the image and uses integer arithmetic. It is therefore the same on every
    machine, in every version and for any order of the images.

    Args:
        x: Grey images, [N, *S] uint8.

    Returns:
        The pixels, [N, *S] uint8, 0 or 1.
    """
    drawn = []
    for chunk in chunks(x):
        flat = chunk.flatten(1)
        uniform = (keyed_bits(content_keys(chunk), BINARIZE_WORD, flat.shape[1]) >> 40) & 0xFFFFFF  # 24 bits
        drawn.append((uniform * 255 < flat.to(torch.int64) << 24).to(torch.uint8).view_as(chunk))
    return torch.cat(drawn)
