"""Generated points around one spiral arm, or around two. Variances are about 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import genzoo
from genzoo_plugins.toy.base import Toy, on_circle


class SwissRoll(Toy):
    """t·(cos t, sin t)·2/(9π/2), t uniform between 3π/2 and 9π/2, plus noise: the Swiss roll in cross-section."""

    name = "swiss-roll"

    @genzoo.config
    class Config(Toy.Config):
        noise: genzoo.NonNegative = 0.05
        """Standard deviation of the noise; the outer radius of the roll is 2."""

    def points(self, split: str, n: int, y: Tensor) -> Tensor:
        t = 1.5 * math.pi * (1 + 2 * self.uniform(split, "angle", n))
        radius = 2 * t / (4.5 * math.pi)
        x: Tensor = radius[:, None] * on_circle(t) + self.config.noise * self.normal(split, "noise", n)
        return x


class Spirals(Toy):
    """±2√u·(cos 3π√u, sin 3π√u), u uniform in [0, 1), plus noise: two arms of one and a half turns."""

    name = "spirals"
    classes = 2

    @genzoo.config
    class Config(Toy.Config):
        noise: genzoo.NonNegative = 0.05
        """Standard deviation of the noise; the arms end at radius 2."""

    def points(self, split: str, n: int, y: Tensor) -> Tensor:
        root = self.uniform(split, "angle", n).sqrt()
        radius = torch.where(y == 0, 2.0, -2.0) * root
        x: Tensor = radius[:, None] * on_circle(3 * math.pi * root) + self.config.noise * self.normal(split, "noise", n)
        return x
