"""Base classes of generated datasets: three independent samples, their sizes and their seed."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import derive_seed, keyed_bits, keyed_normal
from genzoo.data.splits import Labelled, with_labels_of

Size = Annotated[int, genzoo.Range(1, 10_000_000)]


class Generated:
    """Examples generated from a hash of the seed, the same on every machine, bit for bit.

    Each split is an independent sample. A longer sample begins with the shorter one of the same seed.
    """

    files = None
    name: ClassVar[str]
    """Part of the hash, so that datasets do not share random numbers."""

    @genzoo.config
    class Config:
        train: Size = 1000
        """Number of training examples."""
        validation: Annotated[int, genzoo.Range(0, 10_000_000)] = 200
        """Number of validation examples; 0: none."""
        test: Size = 1000
        """Number of test examples."""
        seed: genzoo.Natural = 0
        """Seed of the sample."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def load(self, store: genzoo.Store) -> genzoo.Splits:
        own = self.config
        validation = self.split("validation", own.validation) if own.validation else None
        return genzoo.Splits(self.split("train", own.train), validation, self.split("test", own.test))

    def split(self, name: str, n: int) -> genzoo.Split:
        """Return a sample of n examples, as stored."""
        raise NotImplementedError(f"{type(self).__name__} must define split(name, n)")

    def uniform(self, split: str, purpose: str, n: int) -> Tensor:
        """Return n uniform float64 numbers in [0, 1)."""
        bits = keyed_bits(self._key(split, purpose), 0, n)[0]
        return (bits >> 11).double() * 2.0**-53 + 0.5

    def normal(self, split: str, purpose: str, n: int, columns: int = 2) -> Tensor:
        """Return standard normal float64 numbers, [n, columns].

        Examples computed from them in float64 and then rounded are the same on every processor.
        """
        return keyed_normal(self._key(split, purpose), 0, columns * n, torch.float64).reshape(n, columns)

    def _key(self, split: str, purpose: str) -> Tensor:
        return torch.tensor([derive_seed(self.config.seed, self.name, split, purpose)])


class Toy(Generated):
    """Points of a few dimensions, with or without classes."""

    dimensions: ClassVar[int] = 2
    classes: ClassVar[int] = 0

    @genzoo.config
    class Config(Generated.Config):
        noise: genzoo.NonNegative = 0.1
        """Standard deviation of the noise."""
        labelled: Labelled = None
        """Keep the labels of this many training examples, equally many of each class; the others are unknown."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        if config.labelled and not self.classes:
            raise genzoo.UsageError("--data.labelled needs classes; these data have none", "leave it out")

    @property
    def spec(self) -> genzoo.DataSpec:
        return genzoo.DataSpec((self.dimensions,), "gaussian-learned", classes=self.classes, size=self.config.train)

    def load(self, store: genzoo.Store) -> genzoo.Splits:
        splits = super().load(store)
        return splits._replace(train=with_labels_of(splits.train, self.config.labelled, self.classes, self.config.seed))

    def points(self, split: str, n: int, y: Tensor) -> Tensor:
        """Return n points of a split, [n, F] float64, of the classes y [n]."""
        raise NotImplementedError(f"{type(self).__name__} must define points(split, n, y)")

    def split(self, name: str, n: int) -> genzoo.Split:
        """Return a sample: x float32 [n, F]; y int64 [n], cycling through the classes, or None without classes."""
        y = torch.arange(n) % max(self.classes, 1)
        return genzoo.Split(self.points(name, n, y).float(), y if self.classes else None)


def on_circle(angle: Tensor) -> Tensor:
    """Return the points (cos, sin), [n, 2], for angles [n] in radians."""
    return torch.stack([angle.cos(), angle.sin()], 1)


def gaussian_log_density(squared_distance: Tensor, sigma: float, dimensions: int) -> Tensor:
    """Return ln N(x; μ, σ²·I) in nats, from the squared distance |x − μ|² and the number of dimensions."""
    return -0.5 * squared_distance / sigma**2 - dimensions * (math.log(sigma) + 0.5 * math.log(2 * math.pi))
