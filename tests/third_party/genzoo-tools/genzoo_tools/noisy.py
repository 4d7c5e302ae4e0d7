"""A dataset that wraps another one."""

from __future__ import annotations

from typing import Any

import torch

import genzoo


class Noisy:
    """The images of another dataset with Gaussian noise, the same for an image at each load."""

    @genzoo.config
    class Config:
        of: str = "digits"
        """The name of the dataset, which holds grey levels."""
        sigma: genzoo.NonNegative = 25.0
        """Standard deviation of the noise in grey levels."""

    def __init__(self, config: Any) -> None:
        self.config = config
        self.inner = genzoo.make_dataset(config.of)

    @property
    def spec(self) -> genzoo.DataSpec:
        return self.inner.spec

    def load(self, store: genzoo.Store) -> genzoo.Splits:
        train, validation, test = self.inner.load(store)
        return genzoo.Splits(self.noisy(train), validation and self.noisy(validation), self.noisy(test))

    def noisy(self, split: genzoo.Split) -> genzoo.Split:
        """The split [N, *S] with noise from a seed that its own examples give."""
        x = torch.as_tensor(split.x[:])
        key = int(genzoo.content_keys(x).sum())
        with genzoo.seeded(genzoo.derive_seed(0, "noisy", key)):
            noise = self.config.sigma * torch.randn(x.shape)
        return split._replace(x=(x + noise).round().clamp(0, 255).byte())
