"""Generated points around two interleaved half circles."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import genzoo
from genzoo_plugins.toy.base import Toy


class Moons(Toy):
    """(cos t, sin t) and (1 − cos t, ½ − sin t), t uniform in [0, π), plus noise, then standardised."""

    name = "moons"
    classes = 2

    @genzoo.config
    class Config(Toy.Config):
        noise: genzoo.NonNegative = 0.1
        """Standard deviation of the noise before standardisation."""

    def points(self, split: str, n: int, y: Tensor) -> Tensor:
        t = math.pi * self.uniform(split, "angle", n)
        x = torch.stack([torch.where(y == 0, t.cos(), 1 - t.cos()), torch.where(y == 0, t.sin(), 0.5 - t.sin())], 1)
        x += self.config.noise * self.normal(split, "noise", n)
        return self._standardised(x)

    def _standardised(self, x: Tensor) -> Tensor:
        """Standardise by the exact mean and variance, so that no split depends on a sample."""
        height = 2 / math.pi  # the mean of sin t
        mean = x.new_tensor([0.5, 0.25])
        # Variance within a moon: ½ for cos t, ½ − (2/π)² for sin t. Between them: (half the distance of the means)².
        variance = x.new_tensor([0.5 + 0.5**2, 0.5 - height**2 + (height - 0.25) ** 2]) + self.config.noise**2
        standardised: Tensor = (x - mean) / variance.sqrt()
        return standardised
