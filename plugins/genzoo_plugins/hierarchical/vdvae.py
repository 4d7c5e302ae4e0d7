"""Very deep variational autoencoder: latents on every scale of a convolutional decoder, each given those before it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import ACTIVATIONS, Activation, halved, require_images
from genzoo_plugins.hierarchical.top_down import Choose, TopDown, TopDownInference
from genzoo_plugins.vae.conv_vae import ConvVAE


class Block(nn.Module):
    """A level: a residual block of the decoder that draws a latent map (Child 2021, figure 3).

    Args:
        channels: Feature maps h of the decoder.
        seen: Feature maps of the encoder on the same scale.
        width: Those of the hidden layers.
        latents: Maps of z.
        act: The nonlinearity before each convolution.
        share: Factor of the initial weights of what is added to h, 1/√L for L levels (section 3.2).
    """

    def __init__(self, channels: int, seen: int, width: int, latents: int, act: Activation, share: float) -> None:
        super().__init__()
        self.channels = channels
        self.prior = bottleneck(channels, width, 2 * latents + channels, act, 0.0)
        self.posterior = bottleneck(channels + seen, width, 2 * latents, act, 1.0)
        self.project = nn.Conv2d(latents, channels, 1)
        self.project.weight.data.mul_(share)
        self.out = bottleneck(channels, width, channels, act, share)

    def forward(self, h: Tensor, seen: Tensor | None, choose: Choose) -> Tensor:
        """Return the decoder's h [N, channels, H, W] after this level; the encoder's maps are those of x, or None."""
        change, parameters = self.prior(h).tensor_split([self.channels], 1)
        p = genzoo.DiagGaussian.from_parameters(parameters.flatten(1))
        q = None
        if seen is not None:
            q = genzoo.DiagGaussian.from_parameters(self.posterior(torch.cat([h, seen], 1)).flatten(1))
        z = choose(p, q).view(len(h), -1, *h.shape[2:])
        h = h + change + self.project(z)
        found: Tensor = h + self.out(h)
        return found


def bottleneck(inputs: int, width: int, outputs: int, act: Activation, share: float) -> nn.Sequential:
    """Return three convolutions of kernels 1, 3 and 1; the initial weights of the last are multiplied by `share`."""
    make = ACTIVATIONS[act]
    last = nn.Conv2d(width, outputs, 1)
    last.weight.data.mul_(share)
    if not share:
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    middle = (nn.Conv2d(inputs, width, 1), make(), nn.Conv2d(width, width, 3, padding=1))
    return nn.Sequential(make(), *middle, make(), last)


def after(layers: Sequence[nn.Module], h: Tensor) -> Tensor:
    """Return what layers make of h, one after another."""
    for layer in layers:
        h = layer(h)
    return h


class VDVAE(ConvVAE):
    """p(x|z) Π p(z_l|z_<l) with q(z|x) = Π q(z_l|z_<l, x) (Child 2021).

    The nets are those of `conv-vae`, whose latent vector is the top level. On each scale of its decoder but that of the
    pixels, blocks add latent maps, which see the encoder's maps of that scale. Without blocks it is `conv-vae`.
    """

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 20
        """Length of the top level, a vector."""
        blocks: genzoo.Natural = 5
        """Levels on each scale."""
        latent_maps: genzoo.Count = 4
        """Feature maps of z on each of these levels."""
        width: genzoo.Count = 16
        """Feature maps of the hidden layers of a block."""
        channels: tuple[genzoo.Count, ...] = (32, 64)
        """Feature maps of the encoder's stride-2 convolutions; the decoder mirrors them."""
        base: genzoo.Count = 32
        """Feature maps that the decoder starts from."""
        activation: Activation = "relu"
        """Nonlinearity between layers."""

    config: Config

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        require_images("vdvae", spec.shape, at_least=16)
        super().__init__(spec, config)  # type: ignore[arg-type]
        scales = list(zip((config.base, *config.channels[:0:-1]), config.channels[::-1], strict=True))
        share = (1 + config.blocks * len(scales)) ** -0.5
        self.blocks = nn.ModuleList(
            Block(channels, seen, config.width, config.latent_maps, config.activation, share)
            for channels, seen in scales
            for _ in range(config.blocks)
        )
        sides = zip(*(halved(side, len(scales))[:0:-1] for side in spec.shape[1:]), strict=True)
        maps = [config.latent_maps * height * width for height, width in sides for _ in range(config.blocks)]
        self.sizes = [config.latent_dim, *maps]
        """The length of each level, the top one first."""

    def descend(self, choose: Choose, seen: Sequence[Tensor]) -> Tensor:
        """Return the decoder's output for the latents that are chosen on the way down; `seen` is that of `TopDown`."""
        layers = list(self.decoder.children())
        prior = genzoo.StandardNormal((self.config.latent_dim,), like=self.anchor)
        h = after(layers[:3], choose(prior, genzoo.DiagGaussian.from_parameters(seen[0]) if seen else None))
        for scale in range(len(self.config.channels)):
            for block in self.blocks[scale * self.config.blocks : (scale + 1) * self.config.blocks]:
                h = block(h, seen[1 + scale] if seen else None, choose)
            h = after(layers[3 + 2 * scale : 5 + 2 * scale], h)
        return after(layers[-1:], h)

    def posterior(self, x: Tensor) -> TopDown:
        layers = list(self.encoder.children())
        maps, h = [], x
        for scale in range(len(self.config.channels)):
            h = after(layers[2 * scale : 2 * scale + 2], h)
            maps.append(h)
        return TopDown(self, (len(x),), [after(layers[-2:], h), *reversed(maps)])

    def prior(self) -> TopDown:
        return TopDown(self)

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head(self.prior().along(z).raw)
        return px

    def infer(self, batch: genzoo.Batch, k: int = 1) -> TopDownInference:
        q = self.posterior(batch.x)
        z = q.rsample((k,))
        px = self.head(q.along(z).raw).unflatten((k, len(batch.x)))
        return TopDownInference(q=q, p=self.prior(), z=z, px=px)
