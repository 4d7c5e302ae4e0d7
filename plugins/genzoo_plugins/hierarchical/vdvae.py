"""Very deep variational autoencoder: latents on every scale of a convolutional decoder, each given those before it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import ACTIVATIONS, Activation, halved, require_images
from genzoo.core.noise import standard_normal
from genzoo_plugins.vae.conv_vae import ConvVAE

Choose = Callable[[genzoo.DiagGaussian, genzoo.DiagGaussian | None], Tensor]
"""Returns z of a level, [N, D], given p(z|…) of it and q(z|…, x), which is None without x."""
Pick = Callable[[genzoo.DiagGaussian], Tensor]
"""Returns z of a level, [N, D], given its distribution."""


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


class Walk(NamedTuple):
    """One way through all levels, for N rows."""

    z: Tensor
    """[N, D]."""
    raw: Tensor
    """What the decoder puts out, [N, …]."""
    log_prob: Tensor
    """ln of the density of z, [N]."""
    kl: Tensor
    """KL(q‖p) of each level given those before it, [N, L]; without x there is none."""


class TopDown(genzoo.Distribution):
    """p(z) = Π p(z_l|z_<l), or q(z|x) = Π q(z_l|z_<l, x): the levels of z side by side, the top one first.

    Args:
        model: The model whose decoder draws the levels.
        batch: The batch shape; () for p(z).
        seen: What the encoder says of x, for all N elements of the batch: the parameters of the top level [N, 2D], and
            the maps for each scale; None: p(z).
    """

    def __init__(self, model: VDVAE, batch: tuple[int, ...] = (), seen: Sequence[Tensor] = ()) -> None:
        super().__init__(event_dims=1)
        self.model, self.batch, self.seen = model, batch, seen
        self.drawn: tuple[Tensor, Walk] | None = None
        """The samples drawn last, and how."""

    @property
    def shape(self) -> torch.Size:
        return torch.Size((*self.batch, sum(self.model.sizes)))

    @property
    def centre(self) -> Tensor:
        """The mean of each level, given the means of those before it."""
        return self.walk(lambda d: d.mean.view(-1, d.mean.shape[-1])).z.view(self.shape)

    def walk(self, pick: Pick, times: int = 1) -> Walk:
        """Go through the levels, `times` for each element of the batch."""
        taken: list[Tensor] = []
        costs: list[Tensor] = []
        levels: list[Tensor] = []

        def choose(p: genzoo.DiagGaussian, q: genzoo.DiagGaussian | None) -> Tensor:
            own = p if q is None else q
            taken.append(pick(own))
            costs.append(own.log_prob(taken[-1]))
            if q is not None and (divergence := q.kl(p)) is not None:
                levels.append(divergence)
            return taken[-1]

        raw = self.model.descend(choose, [part.repeat(times, *(1,) * (part.dim() - 1)) for part in self.seen])
        total = torch.stack(costs, 1).sum(1)
        return Walk(torch.cat(taken, 1), raw, total, torch.stack(levels, 1) if levels else total.new_zeros(0))

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        def drawn(d: genzoo.DiagGaussian) -> Tensor:
            size = d.mean.shape[-1]
            noise = standard_normal(sample_shape, d.mean.new_empty(*self.batch, size), len(self.batch))
            return d.mean + d.variance.sqrt() * noise.view(-1, size)

        walk = self.walk(drawn, math.prod(sample_shape))
        z = walk.z.view(*sample_shape, *self.shape)
        self.drawn = z, walk
        return z

    def along(self, z: Tensor) -> Walk:
        """Return the way of given latents, [*, *batch, D]."""
        if self.drawn is not None and self.drawn[0] is z:
            return self.drawn[1]
        levels = iter(z.reshape(-1, z.shape[-1]).split(self.model.sizes, 1))
        return self.walk(lambda _: next(levels), math.prod(z.shape[: z.dim() - len(self.shape)]))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        value = value if value.dim() >= len(self.shape) else value.expand(self.shape)
        return self.along(value).log_prob.view(value.shape[:-1])

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(self.model, (*sizes, *self.batch[1:]), self.seen)


class TopDownInference(genzoo.Inference):
    """The distributions for one batch. The KL of each level is in closed form given those before it, which are drawn."""

    def kl(self) -> Tensor:
        assert isinstance(self.q, TopDown)
        return self.q.along(self.z).kl.sum(1).view(self.z.shape[:-1]).mean(0)


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
