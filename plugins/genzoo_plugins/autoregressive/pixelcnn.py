"""Gated PixelCNN without a blind spot, and with channels in turn."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.nets import require_images
from genzoo_plugins.autoregressive.masked import conditional_likelihood


class GatedLayer(nn.Module):
    """One layer of two stacks: of the rows above, and of the pixels to the left in the row (van den Oord 2016b, 2.3).

    The vertical stack sees all rows above, the horizontal one the row up to the pixel and the vertical stack. Neither
    kernel is masked: it lies above or to the left by how the input is padded, and so no pixel is out of sight.

    Args:
        inputs: Channels of the layer before.
        width: Channels of both stacks.
        reach: How many rows and columns away a kernel reaches.
        first: Whether this is the first layer, which must not see the pixel itself.
    """

    def __init__(self, inputs: int, width: int, reach: int, first: bool) -> None:
        super().__init__()
        self.reach = reach
        self.first = first
        self.above = nn.Conv2d(inputs, 2 * width, (reach + 1 - first, 2 * reach + 1))
        self.left = nn.Conv2d(inputs, 2 * width, (1, reach + 1 - first))
        self.link = nn.Conv2d(2 * width, 2 * width, 1)
        self.joined = nn.Conv2d(width, width, 1)

    def forward(self, vertical: Tensor, horizontal: Tensor) -> tuple[Tensor, Tensor]:
        """Return both stacks after the layer, [N, width, H, W] each, for [N, inputs, H, W] each."""
        reach = self.reach
        rows = self.above(F.pad(vertical, (reach, reach, reach, -int(self.first))))
        own = gated(self.left(F.pad(horizontal, (reach, -int(self.first)))) + self.link(rows))
        own = self.joined(own)
        return gated(rows), own if self.first else horizontal + own


def gated(x: Tensor) -> Tensor:
    """Return tanh(a)·σ(b) for the two halves of the channels of x (van den Oord 2016b, eq. 2)."""
    value, gate = x.chunk(2, 1)
    return torch.tanh(value) * torch.sigmoid(gate)


class PixelCNN(genzoo.Density):
    """p(x) = Π p(x_i | x_<i) over the pixels of an image, row by row (van den Oord et al. 2016, arXiv 1606.05328).

    The conditionals are the data's likelihood, or, with `mixture`, a mixture of discretised logistics (Salimans et al.
    2017). The channels of a pixel follow each other: the net gives all their numbers from the pixels before, and how
    these change linearly with the channels before, as the means do in section 2.2 of the latter.

    What is further away than the kernels of all layers reach does not count.
    """

    kinds = ("image",)

    @genzoo.config
    class Config:
        width: genzoo.Count = 32
        """Channels of each stack."""
        layers: genzoo.Natural = 6
        """Number of layers after the first."""
        reach: genzoo.Count = 2
        """How many rows and columns away each kernel reaches; in the first layer one more."""
        mixture: genzoo.Natural = 0
        """Number of logistics in the mixture for each grey level; 0: the likelihood that the data have."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        require_images("pixelcnn", spec.shape, 1)
        self.head = self.make_head()
        self.measure, self.support = self.head.family.measure, self.head.family.support
        channels, outputs, width = spec.shape[0], self.head.outputs, config.width
        first = GatedLayer(channels, width, config.reach + 1, first=True)
        others = (GatedLayer(width, width, config.reach, first=False) for _ in range(config.layers))
        self.layers = nn.ModuleList([first, *others])
        self.out = nn.Sequential(nn.ReLU(), nn.Conv2d(width, 2 * width, 1), nn.ReLU())
        self.raw = nn.Conv2d(2 * width, outputs * channels, 1)
        # Coefficients of the channels before, one net output for each pair: [outputs, C, C].
        self.across = nn.Conv2d(2 * width, outputs * channels * channels, 1) if channels > 1 else None

    def make_head(self) -> genzoo.Likelihood:
        """Return what makes p(x_i | x_<i) from the net's numbers.

        Raises:
            UsageError: A mixture of grey levels is asked for, and the data are no grey levels.
        """
        if not self.config.mixture:
            return conditional_likelihood(self.spec)
        if self.spec.binary or (self.spec.shift, self.spec.scale) != (0, 1):
            given = "black and white" if self.spec.binary else "standardised"
            raise genzoo.UsageError(
                f"a mixture of logistics is for grey levels; these data are {given}", "type: genzoo run pixelcnn"
            )
        return genzoo.make_likelihood(f"logistic-mixture:{self.config.mixture}")

    def features(self, x: Tensor) -> Tensor:
        """Return what the net knows at each pixel of the pixels before, [B, 2·width, H, W]."""
        vertical = horizontal = x
        for layer in self.layers:
            vertical, horizontal = layer(vertical, horizontal)
        found: Tensor = self.out(horizontal)
        return found

    def numbers(self, features: Tensor, x: Tensor) -> Tensor:
        """Return the head's numbers, [B, outputs·C, H, W]; of x [B, C, H, W] only the channels before count."""
        raw: Tensor = self.raw(features)
        if self.across is None:
            return full_precision(raw)
        channels = x.shape[1]
        earlier = torch.ones(channels, channels, device=x.device).tril(-1)[:, :, None, None]
        coefficients = self.across(features).unflatten(1, (-1, channels, channels)) * earlier
        return full_precision(raw + (coefficients * x[:, None, None]).sum(3).flatten(1, 2))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        p: genzoo.Distribution = self.head(self.numbers(self.features(x), x))
        return p.log_prob(x)

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        """Draw n images, [n, *S], pixel by pixel and channel by channel. The net runs on the part that it can see."""
        channels, height, width = self.spec.shape
        x = self.anchor.new_zeros(n, *self.spec.shape)
        sight = sum(layer.reach for layer in self.layers if isinstance(layer, GatedLayer))
        for row in range(height):
            for column in range(width):
                top, left = max(0, row - sight), max(0, column - sight)
                seen = x[:, :, top : row + 1, left : column + sight + 1]
                features = self.features(seen)[:, :, row - top, column - left, None, None]
                for channel in range(channels):
                    pixel = x[:, :, row, column, None, None]
                    drawn = self.head(self.numbers(features, pixel)).rsample()
                    x[:, channel, row, column] = drawn[:, channel, 0, 0]
        return x
