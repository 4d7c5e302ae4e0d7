"""Networks that are told a time: a residual perceptron for vectors, and a U-Net for images."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision

FREQUENCIES = 32
"""Angular frequencies of the time embedding; it has a sine and a cosine of each."""
HIGHEST = 100.0
"""The largest of these frequencies; the least is 1."""
GROUPS = 8
"""Groups of the normalisation in the U-Net; its channels are a multiple."""


def frequencies() -> Tensor:
    """Return the frequencies of the time embedding, [FREQUENCIES], evenly spaced in their logarithms."""
    return torch.linspace(0, math.log(HIGHEST), FREQUENCIES).exp()


def embedded(t: Tensor, at: Tensor) -> Tensor:
    """Return the embedding of times t [B, 1], [B, 2·FREQUENCIES]."""
    angles = t * at
    return torch.cat([angles.sin(), angles.cos()], 1)


class Block(nn.Module):
    """h + MLP(h), whose normalised input is scaled and shifted by the time (Perez et al. 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(2 * FREQUENCIES, 2 * width)
        self.inner = nn.Linear(width, width)
        self.outer = nn.Linear(width, width)

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.modulation(time).chunk(2, -1)
        modulated = F.layer_norm(h, h.shape[-1:]) * (1 + scale) + shift
        after: Tensor = h + self.outer(F.silu(self.inner(modulated)))
        return after


class WithPerceptron(nn.Module):
    """A module whose own layers `first`, `blocks` and `last` are a residual perceptron that is told the time."""

    frequencies: Tensor

    def add_layers(self, values: int, width: int, depth: int) -> None:
        """Add the layers for examples of some number of values."""
        self.register_buffer("frequencies", frequencies(), persistent=False)
        self.first = nn.Linear(values, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.last = nn.Linear(width, 2 * values)

    def net(self, x: Tensor, t: Tensor, context: Tensor | None = None) -> Tensor:
        """x [B, F] and t [B, 1] → [B, F], all of the order of 1. A context [B, 2·FREQUENCIES] is added to the time's.

        The last layer gives each value a shift and a factor of its input: independent noise in all F values does not
        fit through a layer of fewer units.
        """
        time = embedded(t, self.frequencies)
        time = time if context is None else time + context
        h = self.first(x)
        for block in self.blocks:
            h = block(h, time)
        factor, shift = full_precision(self.last(F.silu(h))).chunk(2, -1)
        return factor * x + shift


class Perceptron(WithPerceptron):
    """The residual perceptron as a network: x [B, *S] and t [B] → [B, *S]; a context is as for `net`."""

    def __init__(self, values: int, width: int, depth: int) -> None:
        super().__init__()
        self.add_layers(values, width, depth)

    def forward(self, x: Tensor, t: Tensor, context: Tensor | None = None) -> Tensor:
        return self.net(x.flatten(1), t[:, None], context).view(x.shape)


class ImageBlock(nn.Module):
    """h + two convolutions; the second one's normalised input is scaled and shifted by the time."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.before = nn.GroupNorm(GROUPS, inputs)
        self.inner = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(2 * FREQUENCIES, 2 * outputs)
        self.between = nn.GroupNorm(GROUPS, outputs, affine=False)
        self.outer = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.across = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.modulation(time)[..., None, None].chunk(2, 1)
        inner = self.between(self.inner(F.silu(self.before(h)))) * (1 + scale) + shift
        after: Tensor = self.across(h) + self.outer(F.silu(inner))
        return after


class UNet(nn.Module):
    """x [B, C, H, W] and t [B] → [B, C, H, W], at three resolutions (after Ho et al. 2020, appendix B).

    Sides of any length are taken: a larger resolution is reached by the nearest pixel, of the size that it had before.
    A context [B, 2·FREQUENCIES] is added to the time's embedding.
    """

    channels_last = True
    frequencies: Tensor

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", frequencies(), persistent=False)
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.down = nn.ModuleList([ImageBlock(width, width), ImageBlock(2 * width, 2 * width)])
        self.smaller = nn.ModuleList(nn.Conv2d(n * width, 2 * width, 3, stride=2, padding=1) for n in (1, 2))
        self.middle = ImageBlock(2 * width, 2 * width)
        self.up = nn.ModuleList([ImageBlock(4 * width, 2 * width), ImageBlock(3 * width, width)])
        self.norm = nn.GroupNorm(GROUPS, width)
        self.last = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, context: Tensor | None = None) -> Tensor:
        time = embedded(t[:, None], self.frequencies)
        time = time if context is None else time + context
        h = self.first(x)
        passed = []
        for block, smaller in zip(self.down, self.smaller, strict=True):
            h = block(h, time)
            passed.append(h)
            h = smaller(h)
        h = self.middle(h, time)
        for block in self.up:
            beside = passed.pop()
            h = block(torch.cat([F.interpolate(h, beside.shape[-2:]), beside], 1), time)
        return full_precision(self.last(F.silu(self.norm(h))))


@genzoo.config
class NetOptions:
    """The options of `make_net`, for the `Config` of a model."""

    net: Literal["auto", "perceptron"] = "auto"
    """auto: a U-Net for images, else a perceptron; perceptron also for images, in less time."""
    width: genzoo.Count = 128
    """Units of each layer of the perceptron."""
    depth: genzoo.Count = 3
    """Residual blocks of the perceptron, of two layers each."""
    channels: genzoo.Count = 32
    """Channels of the U-Net at the images' own resolution, a multiple of 8."""


def make_net(spec: genzoo.DataSpec, config: NetOptions) -> UNet | Perceptron:
    """Return a network x [B, *S], t [B] → [B, *S].

    Raises:
        UsageError: The U-Net cannot have this number of channels.
    """
    if config.net == "perceptron" or not spec.is_image:
        return Perceptron(spec.numel, config.width, config.depth)
    if config.channels % GROUPS:
        raise genzoo.UsageError(f"--channels {config.channels} is not a multiple of {GROUPS}", "try --channels 32")
    return UNet(spec.shape[0], config.channels)
