"""RealNVP: affine coupling layers on vectors, or on flattened and dequantised images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.nets import Activation, mlp
from genzoo_plugins.flows.dequantisation import Dequantisation

LEAST_SPREAD = 1e-3
"""The least standard deviation that act-norm divides by: a pixel may be constant in the first batch."""


class ActNorm(nn.Module):
    """y = (x + shift)·exp(log_scale), with mean 0 and variance 1 on the first batch (Kingma & Dhariwal 2018, 3.1)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(size))
        self.log_scale = nn.Parameter(torch.zeros(size))

    def initialise(self, x: Tensor) -> None:
        """Set the parameters to standardise x [B, D]."""
        self.shift.copy_(-x.mean(0))
        self.log_scale.copy_(-x.std(0, correction=0).clamp_min(LEAST_SPREAD).log())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return y [B, D] and ln |det ∂y/∂x|, [B]."""
        return (x + self.shift) * self.log_scale.exp(), self.log_scale.sum().expand(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        """Return x [B, D] of y [B, D]."""
        return y * (-self.log_scale).exp() - self.shift


class Coupling(nn.Module):
    """y = x where the mask is 1, and elsewhere x·exp(s) + t with s and t of the masked x (Dinh et al. 2017, eq. 9).

    Args:
        mask: [D], 0 or 1.
        net: Maps the masked x [B, D] to s and t, [B, 2D]. It starts at 0, so that the layer starts as the identity.
        bound: s lies between −bound and bound.
    """

    mask: Tensor

    def __init__(self, mask: Tensor, net: nn.Sequential, bound: float) -> None:
        super().__init__()
        self.register_buffer("mask", mask, persistent=False)
        self.net = net
        self.bound = bound
        last = net[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def scale_and_shift(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return s and t, [B, D], which are 0 where the mask is 1."""
        raw, shift = full_precision(self.net(x * self.mask)).chunk(2, 1)
        return self.bound * torch.tanh(raw / self.bound) * (1 - self.mask), shift * (1 - self.mask)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return y [B, D] and ln |det ∂y/∂x|, [B]."""
        log_scale, shift = self.scale_and_shift(x)
        return x * log_scale.exp() + shift, log_scale.sum(1)

    def inverse(self, y: Tensor) -> Tensor:
        """Return x [B, D] of y [B, D]."""
        log_scale, shift = self.scale_and_shift(y)
        return (y - shift) * (-log_scale).exp()


def coupling_masks(size: int, couplings: int) -> list[Tensor]:
    """Return masks [size]: in turn the even places, the odd ones, the first half and the second half."""
    places = torch.arange(size)
    even, first = (places % 2 == 0).float(), (places < (size + 1) // 2).float()
    return [(even, 1 - even, first, 1 - first)[layer % 4] for layer in range(couplings)]


class RealNVP(genzoo.Density, genzoo.Autoencoder):
    """z = f(x) with z ~ N(0, I): ln p(x) = ln N(f(x); 0, I) + ln |det ∂f/∂x| (Dinh et al. 2017, eq. 3).

    For vectors ln p(x) is exact. Pixels are discrete: their noise within a level is part of the model, and what is
    reported is a bound on the logarithm of their probability.
    """

    @genzoo.config
    class Config:
        couplings: genzoo.Count = 8
        """Number of coupling layers."""
        hidden: tuple[genzoo.Count, ...] = (128, 128)
        """Widths of the hidden layers of each coupling's net."""
        activation: Activation = "relu"
        """Nonlinearity of these nets."""
        bound: genzoo.Positive = 2.0
        """Largest absolute log-scale of a coupling."""
        act_norm: bool = True
        """Whether a scaling and shift of each dimension, set by the first batch, precedes each coupling."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        size = spec.numel
        self.pixels = Dequantisation(spec) if spec.is_image or spec.binary else None
        if self.pixels is not None:
            self.exactness, self.measure = "bound", "probability"
            self.support = "binary" if spec.binary else "levels"
        self.layers = nn.ModuleList()
        for mask in coupling_masks(size, config.couplings):
            if config.act_norm:
                self.layers.append(ActNorm(size))
            self.layers.append(Coupling(mask, mlp(size, config.hidden, 2 * size, config.activation), config.bound))

    def prepare(self, batch: genzoo.Batch) -> None:
        x = batch.x.flatten(1) if self.pixels is None else self.pixels.noisy(batch.x)[0]
        for layer in self.layers:
            if isinstance(layer, ActNorm):
                layer.initialise(x)
            x, _ = layer(x)

    def prior(self) -> genzoo.Distribution:
        return genzoo.StandardNormal((self.spec.numel,), like=self.anchor)

    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = f(x) of real numbers [B, D] and ln |det ∂f/∂x|, [B]."""
        total = x.new_zeros(len(x))
        for layer in self.layers:
            x, log_det = layer(x)
            total = total + log_det
        return x, total

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        numbers, slope = (x.flatten(1), 0.0) if self.pixels is None else self.pixels.noisy(x)
        z, log_det = self.to_noise(numbers)
        return self.prior().log_prob(z) + log_det + slope

    def encode(self, x: Tensor) -> Tensor:
        """Return z = f(x), [B, D]; of pixels in the middle of their levels."""
        return self.to_noise(x.flatten(1) if self.pixels is None else self.pixels.numbers(x, 0.5)[0])[0]

    def decode(self, z: Tensor) -> Tensor:
        """Return x = f⁻¹(z), [N, *S]."""
        for layer in reversed(self.layers):
            assert isinstance(layer, (ActNorm, Coupling))
            z = layer.inverse(z)
        return z.view(-1, *self.spec.shape) if self.pixels is None else self.pixels.pixels(z)

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return self.decode(self.prior().rsample((n,)))
