"""A VAE that differs in its nets."""

from __future__ import annotations

import math

from genzoo_plugins.vae.vae import VAE
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import Shape


class Residual(nn.Module):
    """h + f(h) for h [N, width], with f of two layers, each after its activation (He et al. 2016, fig. 4e). f is 0 at
    first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, h: Tensor) -> Tensor:
        """[N, width] → [N, width]."""
        change: Tensor = self.last(self.first(h.relu()).relu())
        return h + change


def residual_net(inputs: int, width: int, blocks: int, outputs: int) -> nn.Sequential:
    """[N, inputs] → [N, outputs]."""
    middle = [Residual(width) for _ in range(blocks)]
    return nn.Sequential(nn.Linear(inputs, width), *middle, nn.ReLU(), nn.Linear(width, outputs))


class ResidualVAE(VAE):
    """The built-in VAE with residual blocks in its encoder and decoder."""

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 20
        """Length of the latent vector z."""
        width: genzoo.Count = 400
        """Units of every hidden layer."""
        blocks: genzoo.Count = 2
        """Residual blocks in the encoder, and as many in the decoder."""

    def make_encoder(self, outputs: int) -> nn.Module:
        config = self.config
        return nn.Sequential(nn.Flatten(1), *residual_net(self.spec.numel, config.width, config.blocks, outputs))

    def make_decoder(self, shape: tuple[int, ...]) -> nn.Module:
        config = self.config
        body = residual_net(config.latent_dim, config.width, config.blocks, math.prod(shape))
        return nn.Sequential(*body, Shape(shape))
