"""TarFlow: an autoregressive flow of patches whose conditioners are causal transformers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision
from genzoo_plugins.autoregressive.transformer import Block, Cache, refuse_uneven_heads
from genzoo_plugins.flows.flow import Flow
from genzoo_plugins.flows.layers import ActNorm, Layer, begin_at_zero
from genzoo_plugins.flows.transforms import Affine


class Patches(Layer):
    """The values of an image [C·H·W] in the order of its patches, each with all its values together.

    Args:
        shape: (C, H, W).
        side: The side of a patch.
    """

    order: Tensor

    def __init__(self, shape: tuple[int, ...], side: int) -> None:
        super().__init__()
        channels, height, width = shape
        places = torch.arange(channels * height * width).view(channels, height // side, side, width // side, side)
        self.register_buffer("order", places.permute(1, 3, 0, 2, 4).flatten(), persistent=False)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x[..., self.order], torch.zeros_like(x[..., 0])

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return y[..., self.order.argsort()], torch.zeros_like(y[..., 0])


class AttentionLayer(Layer):
    """y_t = x_t exp(s_t) + m_t for patches t; a causal transformer makes s_t and m_t of x_<t (Zhai et al. 2024, eq. 5).

    The order of the patches is then reversed. The inverse finds one patch after another, with kept keys and values.

    Args:
        patches: T, the number of patches.
        size: P, the number of values of each.
        config: Widths of the transformer.
    """

    def __init__(self, patches: int, size: int, config: TarFlow.Config) -> None:
        super().__init__()
        self.patches, self.size, self.transform = patches, size, Affine(config.bound)
        self.enter = nn.Linear(size, config.width)
        self.places = nn.Parameter(0.02 * torch.randn(patches, config.width))
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.depth))
        self.leave = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, self.transform.outputs * size))
        last = self.leave[-1]
        assert isinstance(last, nn.Linear)
        begin_at_zero(last)

    def parameters_of(self, x: Tensor) -> Tensor:
        """Return the transform's parameters of patches x [N, T, P], each from those before it: [N, T, outputs, P]."""
        h = F.pad(self.enter(x[:, :-1]), (0, 0, 1, 0)) + self.places
        for block in self.blocks:
            h, _ = block(h)
        return self.as_parameters(h)

    def as_parameters(self, h: Tensor) -> Tensor:
        """Return the transform's parameters for the transformer's output h [*, width]: [*, outputs, P]."""
        raw: Tensor = full_precision(self.leave(h)).unflatten(-1, (self.transform.outputs, self.size))
        return raw

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        patches = x.reshape(-1, self.patches, self.size)
        y, log_slope = self.transform(patches, self.parameters_of(patches))
        return y.flip(1).reshape(x.shape), log_slope.sum((1, 2)).view(x.shape[:-1])

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        patches = y.reshape(-1, self.patches, self.size).flip(1)
        caches: list[Cache | None] = [None] * len(self.blocks)
        found: list[Tensor] = []
        slopes: list[Tensor] = []
        for place in range(self.patches):
            before = self.enter(found[-1]) if found else torch.zeros_like(self.places[0]).expand(len(patches), -1)
            h = (before + self.places[place])[:, None]
            for number, block in enumerate(self.blocks):
                h, caches[number] = block(h, caches[number])
            x, log_slope = self.transform.inverse(patches[:, place], self.as_parameters(h[:, 0]))
            found.append(x)
            slopes.append(log_slope.sum(1))
        return torch.stack(found, 1).reshape(y.shape), torch.stack(slopes, 1).sum(1).view(y.shape[:-1])


class TarFlow(Flow):
    """Affine autoregressive layers over patches (Zhai et al. 2024). What is not an image has patches of one value.

    Pixels have the noise within their levels that all flows have, not the Gaussian noise of the paper, so that ln p is
    of the data and no density of noised data. Samples are as drawn, without the paper's denoising.
    """

    @genzoo.config
    class Config:
        patch: genzoo.Count = 4
        """Side of the square patches of an image."""
        layers: genzoo.Count = 4
        """Number of autoregressive layers; the order of the patches is reversed after each."""
        width: genzoo.Count = 64
        """Length of the vector of a patch; a multiple of heads."""
        depth: genzoo.Count = 2
        """Blocks of attention in each layer."""
        heads: genzoo.Count = 4
        """Heads of the attention."""
        bound: genzoo.Positive = 3.0
        """Largest absolute log-scale of a layer."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        refuse_uneven_heads(config.width, config.heads)
        sides = spec.shape[1:]
        if spec.is_image and any(side % config.patch for side in sides):
            least = -(-max(sides) // config.patch) * config.patch
            what = f"tarflow needs images whose sides are multiples of --patch {config.patch}"
            how = f"type: --data.resize {least}, or --patch 1"
            raise genzoo.UsageError(f"{what}; these are {sides[0]}x{sides[1]}", how)
        super().__init__(spec, config)

    def make_layers(self, size: int) -> Iterator[Layer]:
        own, length = self.config, 1
        if self.spec.is_image:
            yield Patches(self.spec.shape, own.patch)
            length = self.spec.shape[0] * own.patch**2
        yield ActNorm(size)
        for _ in range(own.layers):
            yield AttentionLayer(size // length, length, own)
