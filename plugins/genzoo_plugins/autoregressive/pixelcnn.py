"""Gated PixelCNN without a blind spot, and with channels in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.imputer import each_value
from genzoo.core.nets import require_images
from genzoo_plugins.autoregressive.masked import conditional_likelihood, refuse_out_of_order
from genzoo_plugins.autoregressive.temperature import Temperature, draw_tempered


class Conv(nn.Conv2d):
    """A convolution that is a matrix product where the input has the size of the kernel: ten times as fast there."""

    def forward(self, x: Tensor) -> Tensor:
        """x [N, inputs, H, W] → [N, outputs, H′, W′]."""
        if x.shape[2:] == self.kernel_size:
            return F.linear(x.flatten(1), self.weight.flatten(1), self.bias)[..., None, None]
        return super().forward(x)


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
        self.inputs = inputs
        self.reach = reach
        self.first = first
        self.above = Conv(inputs, 2 * width, (reach + 1 - first, 2 * reach + 1))
        self.left = Conv(inputs, 2 * width, (1, reach + 1 - first))
        self.link = Conv(2 * width, 2 * width, 1)
        self.joined = Conv(width, width, 1)

    def forward(self, vertical: Tensor, horizontal: Tensor) -> tuple[Tensor, Tensor]:
        """Return both stacks after the layer, [N, width, H, W] each, for [N, inputs, H, W] each."""
        reach = self.reach
        rows = self.above(F.pad(vertical, (reach, reach, reach, -int(self.first))))
        to_the_left = F.pad(horizontal, (reach, -int(self.first)))
        return gated(rows), self.joined_to(horizontal, self.left(to_the_left) + self.link(rows))

    def joined_to(self, before: Tensor, own: Tensor) -> Tensor:
        """Return the horizontal stack, from the one before the layer and the sums of what the layer sees."""
        added: Tensor = self.joined(gated(own))
        return added if self.first else before + added


def gated(x: Tensor) -> Tensor:
    """Return tanh(a)·σ(b) for the two halves of the channels of x (van den Oord 2016b, eq. 2)."""
    value, gate = x.chunk(2, 1)
    return torch.tanh(value) * torch.sigmoid(gate)


class PixelCNN(genzoo.Imputer, genzoo.Density):
    """p(x) = Π p(x_i | x_<i) over the pixels of an image, row by row (van den Oord et al. 2016, arXiv 1606.05328).

    The conditionals are the data's likelihood, or, with `mixture`, a mixture of discretised logistics (Salimans et al.
    2017). The channels of a pixel follow each other: the net gives all their numbers from the pixels before, and how
    these change linearly with the channels before, as the means do in section 2.2 of the latter.

    What is further away than the kernels of all layers reach does not count.
    """

    kinds = ("image",)

    Sampling = Temperature

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
        self.out = nn.Sequential(nn.ReLU(), Conv(width, 2 * width, 1), nn.ReLU())
        self.raw = Conv(2 * width, outputs * channels, 1)
        # Coefficients of the channels before, one net output for each pair: [outputs, C, C].
        self.across = Conv(2 * width, outputs * channels * channels, 1) if channels > 1 else None

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

    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Temperature | None = None
    ) -> Tensor:
        """Draw n images, [n, *S], pixel by pixel and channel by channel."""
        x = self.anchor.new_zeros(n, *self.spec.shape)
        return self.drawn(x, torch.zeros_like(x, dtype=torch.bool), (options or self.sampling).temperature)

    def impute(self, x: Tensor, known: Tensor) -> Tensor:
        """Draw the values after the known ones, one after another.

        Raises:
            UsageError: A value after a hidden one is known.
        """
        refuse_out_of_order(known.movedim(1, -1))
        return self.drawn(x, known)

    def log_hidden(self, x: Tensor, known: Tensor) -> Tensor | None:
        terms = each_value(self.head(self.numbers(self.features(x), x)), x)
        return None if terms is None else terms.masked_fill(known, 0.0).flatten(1).sum(1)

    def drawn(self, given: Tensor, known: Tensor, temperature: float = 1.0) -> Tensor:
        """Return images whose values are those given, [N, *S], where known [N, *S], and drawn in turn elsewhere."""
        channels, height, width = self.spec.shape
        x = torch.zeros_like(given)
        kept = Kept([layer for layer in self.layers if isinstance(layer, GatedLayer)], x)
        for row in range(height):
            kept.begin_row(row)
            for column in range(width):
                features = self.out(kept.horizontal_at(column))
                pixel = x[:, :, row, column, None, None]
                for channel in range(channels):
                    drawn = draw_tempered(self.head(self.numbers(features, pixel)), temperature)[:, channel, 0, 0]
                    here = (slice(None), channel, row, column)
                    pixel[:, channel, 0, 0] = torch.where(known[here], given[here], drawn)
                kept.put(pixel, row, column)
        return x


class Kept:
    """What the layers have put out for the pixels drawn so far: the next one costs only the kernels at its place.

    Args:
        layers: Of the model.
        x: The images to be drawn, [N, C, H, W].
    """

    def __init__(self, layers: Sequence[GatedLayer], x: Tensor) -> None:
        n, _, height, width = x.shape
        self.layers = layers
        self.above = [x.new_zeros(n, layer.inputs, height + layer.reach, width) for layer in layers]
        """The vertical stack that each layer gets, with its padding."""
        self.left = [x.new_zeros(n, layer.inputs, 1, width + layer.reach) for layer in layers]
        """The row of the horizontal stack that each layer gets, with its padding."""
        self.links: list[Tensor] = []

    def begin_row(self, row: int) -> None:
        """Compute the vertical stack of a row, all above which is known."""
        self.links = []
        own = self.above[0][:, :, :1]
        for number, layer in enumerate(self.layers):
            self.left[number].zero_()
            if number:
                self.above[number][:, :, row + layer.reach] = own[:, :, 0]
            seen = self.above[number][:, :, row : row + layer.reach + 1 - layer.first]
            rows = layer.above(F.pad(seen, (layer.reach, layer.reach)))
            self.links.append(layer.link(rows))
            own = gated(rows)

    def horizontal_at(self, column: int) -> Tensor:
        """Return the last layer's horizontal stack at a place of the row, [N, width, 1, 1]."""
        own = self.left[0]
        for number, layer in enumerate(self.layers):
            left = self.left[number]
            if number:
                left[..., column + layer.reach] = own[..., 0]
            seen = layer.left(left[..., column : column + layer.reach + 1 - layer.first])
            own = layer.joined_to(own, seen + self.links[number][..., column, None])
        return own

    def put(self, pixel: Tensor, row: int, column: int) -> None:
        """Add a pixel [N, C, 1, 1]."""
        reach = self.layers[0].reach
        self.above[0][:, :, row + reach, column] = pixel[..., 0, 0]
        self.left[0][..., column + reach] = pixel[..., 0]
