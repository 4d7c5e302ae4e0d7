"""A split that lives on the device and is gathered by index: no DataLoader, no copy a step."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from functools import cached_property

import torch
from torch import Tensor

from genzoo.core.dataset import Batch, Split
from genzoo.core.distributions import Support
from genzoo.core.errors import UsageError
from genzoo.core.noise import content_keys, keyed_bits, uniform
from genzoo.core.rows import Examples, chunks, in_place
from genzoo.data.view import Binarize

BINARIZE_WORD = 1 << 20  # which words of an image's own random stream decide its pixels: far from the sampling noise


class Resident:
    """Examples on a device: uint8 images come out as floats in [0, 1], other values as they are; then standardised.

    Args:
        split: x [N, *S], uint8 or float32.
        device: Where to keep it.
        binarize: See `genzoo.training.config.Training`.
        training: Whether "dynamic" draws anew at each visit; otherwise it uses the static draw.
        shift: Subtracted from every value …
        scale: … before it is divided by this (see `standardisation`).

    Raises:
        UsageError: Binarisation of values that are not stored as uint8.
    """

    def __init__(
        self,
        split: Split,
        device: torch.device,
        binarize: Binarize = "none",
        training: bool = False,
        shift: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        x = in_place(split.x)
        if binarize != "none" and x.dtype != torch.uint8:
            stored = str(x.dtype).removeprefix("torch.")
            raise UsageError(f"--binarize {binarize} is for images stored as uint8; these data are {stored}")
        self.redraw = binarize == "dynamic" and training
        self.bits: Binarize = "none" if self.redraw else binarize
        self.white = 255.0 if x.dtype == torch.uint8 and self.bits == "none" else 1.0
        self.shift = shift
        self.scale = scale
        self.device = device
        self.y = None if split.y is None else split.y.to(device)
        self.x = self._kept(x)

    @property
    def index_device(self) -> torch.device:
        """Where `inputs` would have the indices."""
        return self.device

    def _kept(self, x: Examples) -> Examples:
        """The examples on the device, black and white already where that is decided once and for all."""
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
        """The examples at `index` [B], an int64 tensor on the device."""
        return self.see(*next(self.inputs([index])))

    def inputs(self, batches: Iterable[Tensor]) -> Generator[tuple[Tensor, ...], None, None]:
        """For each batch of indices, what `see` makes the batch of: tensors on the device, always of one shape."""
        return ((index,) for index in batches)

    def see(self, *inputs: Tensor) -> Batch:
        """The batch, by operations on the device alone, so that a training step can be captured together with them."""
        (index,) = inputs
        assert isinstance(self.x, Tensor)
        y = None if self.y is None else self.y.index_select(0, index)
        return Batch(self._seen(self.x.index_select(0, index)), y)

    def _seen(self, stored: Tensor) -> Tensor:
        """Stored examples as the model gets them; `stored` itself is left as it is."""
        x = stored.to(torch.float32)
        if self.white != 1.0:
            x = x.div_(self.white)
        if self.redraw:
            x = (uniform(x) < x).to(torch.float32)
        if (self.shift, self.scale) != (0.0, 1.0):
            x = (x - self.shift).div_(self.scale)
        return x

    @cached_property
    def binary(self) -> bool:
        """Whether every value of every batch is 0 or 1."""
        if not self.as_stored:
            return False
        return self.redraw or all(bool(((x == 0) | (x == self.white)).all()) for x in self.stored())

    @cached_property
    def levels(self) -> bool:
        """Whether every value of every batch is a grey level k/255."""
        if not self.as_stored:
            return False
        return self.redraw or self.x.dtype == torch.uint8 or all(bool(_are_levels(x).all()) for x in self.stored())

    @cached_property
    def in_unit(self) -> bool:
        """Whether every value lies in [0, 1] in the data's own units, as a picture's do."""
        return self.x.dtype == torch.uint8 or all(bool(((x >= 0) & (x <= 1)).all()) for x in self.stored())

    @property
    def as_stored(self) -> bool:
        """Whether a model sees the values in the data's own units."""
        return (self.shift, self.scale) == (0.0, 1.0)

    def holds(self, support: Support) -> bool:
        """Whether every value of every batch is of that kind."""
        return support == "any" or (self.binary if support == "binary" else self.levels)

    @cached_property
    def keys(self) -> Tensor:
        """[N] int64: a key for each example, from its content alone (see `genzoo.core.noise`)."""
        return torch.cat([content_keys(chunk.to(self.device)) for chunk in self.stored()])

    def stored(self) -> Iterator[Tensor]:
        """The examples as they are kept, black and white already where that is decided, in pieces."""
        return chunks(self.x)


def _are_levels(x: Tensor) -> Tensor:
    """Which values are grey levels but for rounding."""
    levels = x * 255
    return (levels - levels.round()).abs().lt(1e-3) & (x >= 0) & (x <= 1)


def standardisation(split: Split) -> tuple[float, float]:
    """The mean and the standard deviation of all values of a split: one of each, images on the scale from 0 to 1.

    Raises:
        UsageError: All values are the same.
    """
    x = in_place(split.x)
    white, count = 255.0 if x.dtype == torch.uint8 else 1.0, x.numel()
    mean = sum(chunk.double().sum().item() for chunk in chunks(x)) / count
    variance = sum((chunk.double() - mean).square().sum().item() for chunk in chunks(x)) / count
    if not variance > 0:
        raise UsageError("--standardize global: all training values are the same", "leave --standardize out")
    return mean / white, variance**0.5 / white


def fixed_bits(x: Tensor, binarize: Binarize) -> Tensor:
    """Grey images [N, *S] uint8 made black and white, 0 or 1, where it is not drawn anew at each visit."""
    if binarize == "none":
        return x
    return (x > 127).to(torch.uint8) if binarize == "threshold" else static_bits(x)


def static_bits(x: Tensor) -> Tensor:
    """Grey images drawn black and white once and for all, each pixel white with its grey value as the probability.

    The draw is a function of the image's own bytes in integer arithmetic, so it is the same on every machine, in every
    version and in any order of the images.

    Args:
        x: [N, *S] uint8.

    Returns:
        [N, *S] uint8, 0 or 1.
    """
    drawn = []
    for chunk in chunks(x):
        flat = chunk.flatten(1)
        uniform = (keyed_bits(content_keys(chunk), BINARIZE_WORD, flat.shape[1]) >> 40) & 0xFFFFFF  # 24 bits
        drawn.append((uniform * 255 < flat.to(torch.int64) << 24).to(torch.uint8).view_as(chunk))
    return torch.cat(drawn)
