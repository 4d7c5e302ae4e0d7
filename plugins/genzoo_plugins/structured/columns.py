"""Parts of a row, such as views or columns: names as one-hot numbers for a net, and a net's output as their p(x|z)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision


def parts_of(spec: genzoo.DataSpec) -> tuple[genzoo.Part, ...]:
    """Return the parts of a row; if the data name none, each value is one.

    Raises:
        UsageError: Names were shifted or scaled as if they were numbers.
    """
    if any(part.levels for part in spec.parts) and (spec.shift, spec.scale) != (0, 1):
        raise genzoo.UsageError("these data have columns of names, which have no scale", "leave --standardize out")
    return spec.parts or tuple(genzoo.Part(f"x{place + 1}") for place in range(spec.numel))


def size_of(part: genzoo.Part) -> int:
    """Return how many values of a row a part has."""
    return math.prod(part.shape)


def width_of(part: genzoo.Part) -> int:
    """Return how many numbers `for_net` gives for a part."""
    return size_of(part) * max(part.levels, 1)


def for_net(x: Tensor, part: genzoo.Part) -> Tensor:
    """Return the values [N, F] of a part as a net takes them, [N, width]: names as K indicators each."""
    if not part.levels:
        return x
    return (x[..., None] == torch.arange(part.levels, device=x.device)).to(x.dtype).flatten(1)


class Units(nn.Module):
    """y = location + spread·u, values [*, F] in the data's own units of those that nets see; the same until `fit`.

    Args:
        size: F.
    """

    location: Tensor
    spread: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("location", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))

    def fit(self, values: Tensor) -> None:
        """Let u have mean 0 and variance 1 in a sample of values [N, F]; equal values keep their scale."""
        spread, location = torch.std_mean(values, 0, correction=0)
        self.location.copy_(location)
        self.spread.copy_(torch.where(spread > 0, spread, 1.0))

    def forward(self, u: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return y [*, F] and ln |det ∂y/∂u|, [*]."""
        return self.location + self.spread * u, self.spread.log().sum().expand(u.shape[:-1])

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return u [*, F] and ln |det ∂u/∂y|, [*]."""
        return (y - self.location) / self.spread, -self.spread.log().sum().expand(y.shape[:-1])


class NamesHead(nn.Module):
    """p(x|z) of a part of names: independent values, each with K logits.

    Args:
        levels: K.
    """

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.outputs = levels

    def forward(self, raw: Tensor) -> genzoo.Categorical:
        """Convert raw [N, F·K] to a distribution of values [N, F]."""
        return genzoo.Categorical(full_precision(raw).unflatten(1, (-1, self.outputs)))
