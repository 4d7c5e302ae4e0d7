"""Nets of encoders and decoders, chosen by `--nets`: convolutions, and perceptrons with residual blocks."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

import genzoo
from genzoo.core.nets import ACTIVATIONS, Activation, ConvDecoder, ConvEncoder, Shape, require_images
from genzoo.registry.configs import differing

BLOCKS = 2
LEVELS = 2


def chosen_nets(spec: genzoo.DataSpec, config: Any) -> genzoo.Nets | None:
    """Return the nets that a model's option `nets` names; None: its own, of the widths in `hidden`.

    Raises:
        UsageError: No such nets, they are not for these data, or the widths of the model's own nets are given too.
    """
    named = getattr(config, "nets", "")  # a variant's Config may be without the option
    if not named:
        return None
    for name in differing(type(config)(), config):
        if name in ("hidden", "decoder_hidden"):
            option = f"--{name.replace('_', '-')}"
            raise genzoo.UsageError(f"--nets={named} has no {option}", f"leave {option} or --nets out")
    made: genzoo.Nets = genzoo.make_part("nets", named, spec, config.activation)
    return made


class ConvNets(genzoo.Nets):
    """Two strided convolutions of C and 2C feature maps, and as many transposed ones: the nets of `conv-vae`."""

    symbol = "number of feature maps of the first convolution"
    default = 32

    def __init__(self, spec: genzoo.DataSpec, activation: Activation, maps: int) -> None:
        require_images("--nets conv", spec.shape, at_least=16)
        super().__init__(spec, activation)
        self.maps = maps
        self.channels = tuple(maps * 2**level for level in range(LEVELS))

    def encoder(self, outputs: int) -> nn.Module:
        return ConvEncoder(self.spec.shape, self.channels, outputs, self.activation)

    def decoder(self, inputs: int, shape: tuple[int, ...]) -> nn.Module:
        return ConvDecoder(inputs, self.maps, self.channels[::-1], shape, self.activation)


class ResidualBlock(nn.Module):
    """h + f(h) for h [N, width], with f of two layers, each after its activation (He et al. 2016, fig. 4e)."""

    def __init__(self, width: int, activation: Activation) -> None:
        super().__init__()
        act = ACTIVATIONS[activation]
        self.change = nn.Sequential(act(), nn.Linear(width, width), act(), nn.Linear(width, width))

    def forward(self, h: Tensor) -> Tensor:
        """[N, width] → [N, width]."""
        moved: Tensor = self.change(h)
        return h + moved


class ResidualNets(genzoo.Nets):
    """Perceptrons of two residual blocks, for data of any shape."""

    symbol = "number of units of a layer"
    default = 400

    def __init__(self, spec: genzoo.DataSpec, activation: Activation, width: int) -> None:
        super().__init__(spec, activation)
        self.width = width

    def body(self, inputs: int, outputs: int) -> list[nn.Module]:
        """Return the layers [N, inputs] → [N, outputs]."""
        blocks = [ResidualBlock(self.width, self.activation) for _ in range(BLOCKS)]
        last = nn.Linear(self.width, outputs)
        return [nn.Linear(inputs, self.width), *blocks, ACTIVATIONS[self.activation](), last]

    def encoder(self, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(1), *self.body(self.spec.numel, outputs))

    def decoder(self, inputs: int, shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(*self.body(inputs, math.prod(shape)), Shape(shape))
