"""Layers of flows: invertible maps of the last axis with a known log-determinant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from genzoo.core.distributions import full_precision
from genzoo.core.nets import Activation, mlp
from genzoo_plugins.autoregressive.masked import MaskedNet
from genzoo_plugins.flows.transforms import Transform

LEAST_SPREAD = 1e-3
"""The least standard deviation that act-norm divides by: a pixel may be constant in the first batch."""


class Layer(nn.Module):
    """An invertible map of x [*, D], which may depend on a context [*, C]."""

    def prepare(self, x: Tensor) -> None:
        """Initialise the parameters from the first batch, x [B, *, D]; most layers do not."""

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return y [*, D] and ln |det ∂y/∂x|, [*]."""
        raise NotImplementedError

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x [*, D] and ln |det ∂x/∂y|, [*]."""
        raise NotImplementedError


def through(
    layers: Iterable[nn.Module], x: Tensor, context: Tensor | None = None, *, prepare: bool = False
) -> tuple[Tensor, Tensor]:
    """Return x [*, D] after all layers and ln |det|, [*].

    Args:
        layers: Each a `Layer`.
        x: [*, D].
        context: [*, C].
        prepare: Whether each layer first initialises its parameters from what it gets.
    """
    total = x.new_zeros(x.shape[:-1])
    for layer in layers:
        assert isinstance(layer, Layer)
        if prepare:
            layer.prepare(x)
        x, log_det = layer(x, context)
        total = total + log_det
    return x, total


def back(layers: nn.ModuleList, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return what `through` maps to y [*, D], and ln |det| of this inverse, [*]."""
    total = y.new_zeros(y.shape[:-1])
    for layer in reversed(layers):
        assert isinstance(layer, Layer)
        y, log_det = layer.inverse(y, context)
        total = total + log_det
    return y, total


class ActNorm(Layer):
    """y = (x + shift)·exp(log_scale), with mean 0 and variance 1 on the first batch (Kingma & Dhariwal 2018, 3.1)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(size))
        self.log_scale = nn.Parameter(torch.zeros(size))

    def prepare(self, x: Tensor) -> None:
        rows = x.flatten(0, -2)
        self.shift.copy_(-rows.mean(0))
        self.log_scale.copy_(-rows.std(0, correction=0).clamp_min(LEAST_SPREAD).log())

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return (x + self.shift) * self.log_scale.exp(), self.log_scale.sum().expand(x.shape[:-1])

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return y * (-self.log_scale).exp() - self.shift, -self.log_scale.sum().expand(y.shape[:-1])


class Coupling(Layer):
    """y = x where the mask is 1, and elsewhere a transform of x with parameters that depend on the masked x.

    With an affine transform it is that of Dinh et al. 2017, eq. 9, and with an additive one that of NICE.

    Args:
        mask: [D], 0 or 1.
        net: Maps the masked x and the context, [*, D + C], to the transform's parameters, [*, outputs·D].
        transform: Of single values.
    """

    constants = ("mask",)
    mask: Tensor

    def __init__(self, mask: Tensor, net: nn.Module, transform: Transform) -> None:
        super().__init__()
        self.register_buffer("mask", mask, persistent=False)
        self.net = net
        self.transform = transform

    def parameters_of(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Return the transform's parameters, [*, outputs, D]; x counts only where the mask is 1."""
        given = x * self.mask
        if context is not None:
            given = torch.cat([given, context.expand(*x.shape[:-1], -1)], -1)
        raw: Tensor = full_precision(self.net(given)).unflatten(-1, (self.transform.outputs, x.shape[-1]))
        return raw

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, log_slope = self.transform(x, self.parameters_of(x, context))
        return torch.where(self.mask > 0, x, y), (log_slope * (1 - self.mask)).sum(-1)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x, log_slope = self.transform.inverse(y, self.parameters_of(y, context))
        return torch.where(self.mask > 0, y, x), (log_slope * (1 - self.mask)).sum(-1)


class Autoregressive(MaskedNet, Layer):
    """y_i is a transform of x_i with parameters that depend on x_1 … x_{i−1} (Papamakarios et al. 2017, eq. 3).

    The order of the dimensions is then reversed. The inverse finds one value after another.

    Args:
        size: D.
        context_dim: C.
        hidden: Widths of the hidden layers of the masked net. Empty: the parameters are linear.
        activation: Their nonlinearity.
        transform: Of single values.
    """

    def __init__(
        self, size: int, context_dim: int, hidden: tuple[int, ...], activation: Activation, transform: Transform
    ) -> None:
        super().__init__()
        self.build(size, transform.outputs, hidden, activation, context_dim)
        self.transform = transform
        begin_at_zero(self.direct)
        if self.out is not None:
            begin_at_zero(self.out)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        raw = full_precision(self.numbers(x, context)).unflatten(-1, (self.transform.outputs, self.size))
        y, log_slope = self.transform(x, raw)
        return y.flip(-1), log_slope.sum(-1)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, slopes = y.flip(-1), []

        def solve(place: int, raw: Tensor) -> Tensor:
            x, log_slope = self.transform.inverse(y[..., place : place + 1], full_precision(raw)[..., None])
            slopes.append(log_slope)
            return x

        x = self.in_turn(solve, y.shape[:-1], context)
        return x, torch.cat(slopes, -1).sum(-1)


def begin_at_zero(layer: nn.Linear | nn.Conv2d) -> None:
    """Set the weights of a net's last layer to 0, so that what it parametrises begins as the identity."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def coupling_masks(size: int, couplings: int) -> list[Tensor]:
    """Return masks [size]: in turn the even places, the odd ones, the first half and the second half."""
    places = torch.arange(size)
    even, first = (places % 2 == 0).float(), (places < (size + 1) // 2).float()
    return [(even, 1 - even, first, 1 - first)[layer % 4] for layer in range(couplings)]


def coupling_layers(
    size: int,
    couplings: int,
    hidden: tuple[int, ...],
    transform: Transform,
    *,
    activation: Activation = "relu",
    act_norm: bool = True,
    context_dim: int = 0,
) -> Iterator[Layer]:
    """Yield couplings of vectors [size] with the masks of `coupling_masks`, each after an act-norm if `act_norm`."""
    for mask in coupling_masks(size, couplings):
        if act_norm:
            yield ActNorm(size)
        net = mlp(size + context_dim, hidden, transform.outputs * size, activation)
        last = net[-1]
        assert isinstance(last, nn.Linear)
        begin_at_zero(last)
        yield Coupling(mask, net, transform)


def autoregressive_layers(
    size: int,
    layers: int,
    hidden: tuple[int, ...],
    transform: Transform,
    *,
    activation: Activation = "relu",
    act_norm: bool = True,
    context_dim: int = 0,
) -> Iterator[Layer]:
    """Yield autoregressive layers of vectors [size], each after an act-norm if `act_norm`."""
    for _ in range(layers):
        if act_norm:
            yield ActNorm(size)
        yield Autoregressive(size, context_dim, hidden, activation, transform)
