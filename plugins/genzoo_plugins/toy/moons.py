"""Two interleaved half circles with Gaussian noise."""

from __future__ import annotations

import math
from typing import Annotated, Any

import torch
from torch import Tensor

import genzoo
from genzoo.noise import keyed_bits, keyed_normal, mix

Size = Annotated[int, genzoo.Range(1, 10_000_000)]


class Moons:
    """(cos t, sin t) and (1 − cos t, ½ − sin t), t uniform in [0, π), plus noise; then standardised.

    Each split is an independent sample, and a longer one begins with a shorter one of the same seed.
    """

    files = None

    @genzoo.config
    class Config:
        train: Size = 1000
        """Number of training points."""
        validation: Annotated[int, genzoo.Range(0, 10_000_000)] = 200
        """Number of validation points; 0: none."""
        test: Size = 1000
        """Number of test points."""
        noise: genzoo.NonNegative = 0.1
        """Standard deviation of the noise, before standardising."""
        seed: genzoo.Natural = 0
        """Seed of the sample."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def spec(self) -> genzoo.DataSpec:
        return genzoo.DataSpec(shape=(2,), likelihood="gaussian-learned", classes=2, size=self.config.train)

    def load(self, store: genzoo.Store) -> genzoo.Splits:
        own = self.config
        validation = self._draw("validation", own.validation) if own.validation else None
        return genzoo.Splits(self._draw("train", own.train), validation, self._draw("test", own.test))

    def _draw(self, split: str, n: int) -> genzoo.Split:
        """n points: x float32 [n, 2], y int64 [n], the moon each lies on."""
        y = torch.arange(n) % 2
        bits = keyed_bits(self._key(split, "angle"), 0, n)[0]
        t = math.pi * ((bits >> 11).double() * 2.0**-53 + 0.5)
        x = torch.stack([torch.where(y == 0, t.cos(), 1 - t.cos()), torch.where(y == 0, t.sin(), 0.5 - t.sin())], 1)
        x += self.config.noise * keyed_normal(self._key(split, "noise"), 0, 2 * n).reshape(n, 2)
        return genzoo.Split(self._standardised(x), y)

    def _key(self, *purpose: str) -> Tensor:
        return torch.tensor([mix(self.config.seed, "moons", *purpose)])

    def _standardised(self, x: Tensor) -> Tensor:
        """Mean 0 and variance 1 by the exact moments, so that no split depends on another's sample."""
        height = 2 / math.pi  # the mean of sin t
        mean = x.new_tensor([0.5, 0.25])
        # Within a moon, var cos t = ½ and var sin t = ½ − (2/π)²; between them, half their centres' distance squared.
        variance = x.new_tensor([0.5 + 0.5**2, 0.5 - height**2 + (height - 0.25) ** 2]) + self.config.noise**2
        standardised: Tensor = (x - mean) / variance.sqrt()
        return standardised.float()
