"""Points on a ring, generated."""

from __future__ import annotations

import math

import torch

import genzoo


class Ring:
    """(cos φ, sin φ) with φ uniform, plus Gaussian noise. Every load draws the same points."""

    @genzoo.config
    class Config:
        points: genzoo.Count = 10_000
        """Points to train on; validation and test have a fifth as many each, and at least one."""
        noise: genzoo.NonNegative = 0.1
        """Standard deviation of what is added to each coordinate."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def spec(self) -> genzoo.DataSpec:
        return genzoo.DataSpec(shape=(2,), likelihood="gaussian-learned", size=self.config.points)

    def load(self, store: genzoo.Store) -> genzoo.Splits:
        """Draws the three splits, each from a stream of its own. There is nothing to fetch from `store`."""
        fewer = max(1, self.config.points // 5)
        return genzoo.Splits(self.draw(self.config.points, 0), self.draw(fewer, 1), self.draw(fewer, 2))

    def draw(self, n: int, seed: int) -> genzoo.Split:
        """n points, [n, 2] float32."""
        generator = torch.Generator().manual_seed(seed)
        angle = 2 * math.pi * torch.rand(n, generator=generator)
        circle = torch.stack([angle.cos(), angle.sin()], dim=1)
        return genzoo.Split(circle + self.config.noise * torch.randn(n, 2, generator=generator))
