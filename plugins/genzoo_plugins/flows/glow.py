"""Glow: a multi-scale flow of images with invertible 1×1 convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import ACTIVATIONS, Activation, require_images
from genzoo_plugins.flows.flow import Flow
from genzoo_plugins.flows.layers import ActNorm, Coupling, Layer, back, begin_at_zero, through
from genzoo_plugins.flows.transforms import Affine


class Invertible1x1(Layer):
    """y = W x at each pixel, with W = P L (U + diag s): ln |det W| = Σ ln |s| (Kingma & Dhariwal 2018, eq. 10 and 11).

    W begins as a random rotation. P and the signs of s are fixed.
    """

    order: Tensor
    sign: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        order, lower, upper = torch.linalg.lu(torch.linalg.qr(torch.randn(size, size))[0])
        self.register_buffer("order", order)
        self.register_buffer("sign", upper.diagonal().sign())
        self.lower = nn.Parameter(lower.tril(-1))
        self.upper = nn.Parameter(upper.triu(1))
        self.log_scale = nn.Parameter(upper.diagonal().abs().log())

    @property
    def matrix(self) -> Tensor:
        """W, [D, D]."""
        lower = self.lower.tril(-1) + torch.eye(len(self.lower)).to(self.lower)
        return self.order @ lower @ (self.upper.triu(1) + torch.diag(self.sign * self.log_scale.exp()))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x @ self.matrix.T, self.log_scale.sum().expand(x.shape[:-1])

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        inverse = torch.linalg.inv_ex(self.matrix)[0]  # without reading back whether it exists: it does
        return y @ inverse.T, -self.log_scale.sum().expand(y.shape[:-1])


class PixelNet(nn.Module):
    """Three convolutions of images [B, H, W, inputs], of kernels 3, 1 and 3: [B, H, W, outputs]. It begins at 0."""

    def __init__(self, inputs: int, width: int, outputs: int, activation: Activation) -> None:
        super().__init__()
        last = nn.Conv2d(width, outputs, 3, padding=1)
        begin_at_zero(last)
        act = ACTIVATIONS[activation]
        self.net = nn.Sequential(nn.Conv2d(inputs, width, 3, padding=1), act(), nn.Conv2d(width, width, 1), act(), last)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, H, W, inputs] → [B, H, W, outputs]."""
        out: Tensor = self.net(x.movedim(-1, 1))
        return out.movedim(1, -1)


def squeezed(x: Tensor) -> Tensor:
    """Return images [B, H, W, C] with each 2×2 block of pixels as one pixel: [B, H/2, W/2, 4C]."""
    b, h, w, c = x.shape
    return x.view(b, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h // 2, w // 2, 4 * c)


def unsqueezed(x: Tensor) -> Tensor:
    """Return the images [B, H, W, C] that `squeezed` maps to x [B, H/2, W/2, 4C]."""
    b, h, w, c = x.shape
    return x.view(b, h, w, 2, 2, c // 4).permute(0, 1, 3, 2, 4, 5).reshape(b, 2 * h, 2 * w, c // 4)


class Glow(Flow):
    """Steps of act-norm, 1×1 convolution and affine coupling on several scales (Kingma & Dhariwal 2018, figure 2).

    Each scale turns blocks of 2×2 pixels into channels. After it, half of the channels are part of z, and the others go
    on. All of z has the prior N(0, I). The channels are the last axis within the flow.
    """

    kinds = ("image",)

    @genzoo.config
    class Config:
        scales: genzoo.Count = 3
        """Largest number of scales; fewer if the sides of the images cannot be halved so often."""
        steps: genzoo.Count = 8
        """Steps on each scale."""
        channels: genzoo.Count = 64
        """Channels of the hidden layers of each coupling's net."""
        activation: Activation = "relu"
        """Nonlinearity of these nets."""
        bound: genzoo.Positive = 2.0
        """Largest absolute log-scale of a coupling."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        require_images("glow", spec.shape, 2)
        sides = spec.shape[1:]
        if any(side % 2 for side in sides):
            raise genzoo.UsageError(
                f"glow needs images of even sides; these are {sides[0]}x{sides[1]}",
                f"type: --data.resize {sides[0] + sides[0] % 2}",
            )
        super().__init__(spec, config)

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """The shape (H, W, C) of the images within each scale."""
        channels, height, width = self.spec.shape
        found: list[tuple[int, int, int]] = []
        while len(found) < self.config.scales and height % 2 == width % 2 == 0:
            channels, height, width = 4 * channels, height // 2, width // 2
            found.append((height, width, channels))
            channels //= 2
        return found

    def make_layers(self, size: int) -> Iterator[Layer]:
        own, transform = self.config, Affine(self.config.bound)
        for *_, channels in self.shapes:
            for step in range(own.steps):
                mask = (torch.arange(channels) % 2 == step % 2).float()
                yield ActNorm(channels)
                yield Invertible1x1(channels)
                yield Coupling(
                    mask, PixelNet(channels, own.channels, transform.outputs * channels, own.activation), transform
                )

    def of_scale(self, scale: int) -> nn.ModuleList:
        """Return the layers of a scale."""
        length = 3 * self.config.steps
        found: nn.ModuleList = self.layers[scale * length : (scale + 1) * length]
        return found

    def to_noise(self, x: Tensor, *, prepare: bool = False) -> tuple[Tensor, Tensor]:
        channels, *sides = self.spec.shape
        x, total, parts = x.view(-1, channels, *sides).movedim(1, -1), x.new_zeros(len(x)), []
        for scale in range(len(self.shapes)):
            if scale:
                done, x = x.chunk(2, -1)
                parts.append(done.flatten(1))
            x, log_det = through(self.of_scale(scale), squeezed(x), prepare=prepare)
            total = total + log_det.sum((1, 2))
        return torch.cat([*parts, x.flatten(1)], 1), total

    def from_noise(self, z: Tensor) -> Tensor:
        shapes = self.shapes
        halves = [(height, width, channels // 2) for height, width, channels in shapes[:-1]]
        pieces = [(*halves, shapes[-1])[scale] for scale in range(len(shapes))]
        parts = z.split([height * width * channels for height, width, channels in pieces], 1)
        images = [part.view(-1, *shape) for part, shape in zip(parts, pieces, strict=True)]
        x = images.pop()
        for scale in reversed(range(len(shapes))):
            x = unsqueezed(back(self.of_scale(scale), x)[0])
            if scale:
                x = torch.cat([images.pop(), x], -1)
        numbers: Tensor = x.movedim(-1, 1).flatten(1)
        return numbers
