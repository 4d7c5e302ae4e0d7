"""What models that transform noise into data share: the scale of the data, and the range of samples."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.registry.parts import is_for_unit


def of_examples(values: Tensor, x: Tensor) -> Tensor:
    """Return a number for each example, values [B], as [B, 1, …], which broadcasts to x [B, *S]."""
    return values.view(-1, *[1] * (x.dim() - 1))


def squared_error(error: Tensor) -> dict[str, Tensor]:
    """Return the terms of a loss: the squared error [B, *S] of an example, and of one of its values."""
    loss = error.square().flatten(1).sum(1).mean()
    return {"loss": loss, "per_dim": loss.detach() / error[0].numel()}


class NoiseToData(genzoo.Model):
    """A model from N(0, I) to the data, whose mean and deviation are those of the first training batch.

    They are two numbers, m and s, for all values. With them, a subclass writes what is optimal for data N(m, s²I) in
    closed form, and a net learns the difference, as in Karras et al. 2022 (arXiv 2206.00364, table 1).
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))

    def prepare(self, batch: genzoo.Batch) -> None:
        self.mean.copy_(batch.x.mean())
        self.deviation.copy_(batch.x.std(correction=0).clamp_min(1e-3))

    def source(self) -> genzoo.StandardNormal:
        """Return the distribution of the noise, N(0, I)."""
        return genzoo.StandardNormal(self.spec.shape, like=self.anchor)

    def in_range(self, x: Tensor) -> Tensor:
        """Return samples [n, *S], clamped to [0, 1] in the data's own units if all data lie there."""
        spec = self.spec
        bounded = spec.is_image or is_for_unit(spec.likelihood)
        return spec.view(spec.original(x).clamp(0, 1)) if bounded else x
