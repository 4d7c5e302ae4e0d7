"""Networks that adapt to the data's shape: multilayer perceptrons and strided convolutions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genzoo.core.errors import TooSmallImages, UsageError

Activation = Literal["relu", "tanh", "elu", "silu", "leaky-relu"]

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "leaky-relu": nn.LeakyReLU,
}


def mlp(inputs: int, hidden: tuple[int, ...], outputs: int, activation: Activation = "relu") -> nn.Sequential:
    """Return linear layers with activations between them: [N, inputs] → [N, outputs].

    Without hidden layers it is one linear layer.
    """
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), ACTIVATIONS[activation]()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def changing_buffers(module: nn.Module) -> list[Tensor]:
    """Return the buffers, of any shape, that training may change: all but those that a class names in `constants`."""
    return [
        buffer
        for one in module.modules()
        for name, buffer in one._buffers.items()
        if buffer is not None and name not in getattr(one, "constants", ())
    ]


def lay_out(module: nn.Module) -> None:
    """Lay out parameters and buffers in the order of their indices, as they are after loading.

    What is fitted may have another layout, such as that of a Cholesky factor, over which products round differently.
    """
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data = tensor.data.contiguous()


class MaskedLinear(nn.Linear):
    """A linear layer in which output i uses only the inputs j with mask[i, j] (Germain et al. 2015, eq. 10).

    Args:
        mask: [outputs, inputs], bool.
        bias: Whether to add a bias.
    """

    constants = ("mask",)
    """Buffers that never change, which a training step need not watch."""
    mask: Tensor

    def __init__(self, mask: Tensor, bias: bool = True) -> None:
        super().__init__(mask.shape[1], mask.shape[0], bias)
        self.register_buffer("mask", mask.to(self.weight), persistent=False)

    @property
    def masked(self) -> Tensor:
        """The weight with zeros where the mask is false."""
        return self.weight * self.mask

    def forward(self, x: Tensor) -> Tensor:
        """x [N, inputs] → [N, outputs]."""
        return F.linear(x, self.masked, self.bias)


class Shape(nn.Module):
    """[N, numbers] → [N, *shape]: like nn.Unflatten, at a third of its cost, because that checks in Python."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        """x [N, numbers] → [N, *shape]."""
        return x.view(x.shape[0], *self.shape)


class FlatEncoder(nn.Sequential):
    """x [N, *S] → [N, outputs] through a multilayer perceptron."""

    def __init__(self, shape: tuple[int, ...], hidden: tuple[int, ...], outputs: int, activation: Activation) -> None:
        super().__init__(nn.Flatten(1), *mlp(math.prod(shape), hidden, outputs, activation))


class FlatDecoder(nn.Sequential):
    """z [N, D] → [N, *shape] through a multilayer perceptron."""

    def __init__(
        self, latent_dim: int, hidden: tuple[int, ...], shape: tuple[int, ...], activation: Activation
    ) -> None:
        super().__init__(*mlp(latent_dim, hidden, math.prod(shape), activation), Shape(shape))


def halved(size: int, times: int) -> list[int]:
    """Return the size before and after each convolution of stride 2 and kernel 3: halved(28, 2) is [28, 14, 7]."""
    sizes = [size]
    for _ in range(times):
        sizes.append((sizes[-1] + 1) // 2)
    return sizes


def require_images(name: str, shape: tuple[int, ...], at_least: int) -> None:
    """Refuse data that are not images, or images that are too small.

    Raises:
        UsageError: The message has the required and the actual size.
    """
    if len(shape) != 3:
        size = f"vectors of {shape[0]}" if len(shape) == 1 else f"of shape {'x'.join(map(str, shape))}"
        raise UsageError(f"{name} needs images (C, H, W); these data are {size}")
    height, width = shape[1:]
    if min(height, width) < at_least:
        raise TooSmallImages(
            f"{name} needs images of at least {at_least}x{at_least}; these are {height}x{width}", 2 * at_least
        )


class ConvEncoder(nn.Sequential):
    """x [N, C, H, W] → [N, outputs]: 3×3 convolutions of stride 2 that halve each side, then one linear layer."""

    channels_last = True
    """Whether to train it in that memory format, see `genzoo.training.objective.set_memory_format`."""

    def __init__(self, shape: tuple[int, ...], channels: tuple[int, ...], outputs: int, activation: Activation) -> None:
        inputs, height, width = shape
        layers: list[nn.Module] = []
        for width_out in channels:
            layers += [nn.Conv2d(inputs, width_out, 3, stride=2, padding=1), ACTIVATIONS[activation]()]
            inputs = width_out
        area = halved(height, len(channels))[-1] * halved(width, len(channels))[-1]
        super().__init__(*layers, nn.Flatten(1), nn.Linear(inputs * area, outputs))


class ConvDecoder(nn.Sequential):
    """z [N, D] → [N, C, H, W]: a linear layer, transposed convolutions of stride 2, then a 3×3 convolution.

    The linear layer has `base` feature maps, each transposed convolution one of `channels`; the last convolution has C.
    The sizes mirror those of `ConvEncoder` for any H and W.
    """

    channels_last = True
    """Whether to train it in that memory format, as for `ConvEncoder`."""

    def __init__(
        self, latent_dim: int, base: int, channels: tuple[int, ...], shape: tuple[int, ...], activation: Activation
    ) -> None:
        outputs, *sides = shape
        heights, widths = (halved(side, len(channels))[::-1] for side in sides)
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, base * heights[0] * widths[0]),
            ACTIVATIONS[activation](),
            Shape((base, heights[0], widths[0])),
        ]
        inputs = base
        for level, width_out in enumerate(channels):
            # Stride 2 turns a side n into 2n − 1 plus the output padding, which is chosen to give the larger side.
            extra = (
                heights[level + 1] - (2 * heights[level] - 1),
                widths[level + 1] - (2 * widths[level] - 1),
            )
            upsample = nn.ConvTranspose2d(inputs, width_out, 3, stride=2, padding=1, output_padding=extra)
            layers += [upsample, ACTIVATIONS[activation]()]
            inputs = width_out
        super().__init__(*layers, nn.Conv2d(inputs, outputs, 3, padding=1))


def frozen(module: nn.Module) -> Callable[..., Any]:
    """Return the module as a function whose gradient reaches its arguments but not its weights.

    A loss with its own network, such as a discriminator, can so train the model without training the network:
    `frozen(critic)(x)` for the model's term, and `critic(x.detach())` for the critic's.
    """
    state = {name: tensor.detach() for name, tensor in (*module.named_parameters(), *module.named_buffers())}
    return lambda *arguments: torch.func.functional_call(module, state, arguments)


def widened(shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
    """Return a decoder's output shape for `outputs` numbers per value of x: (1, 28, 28) and 2 → (2, 28, 28)."""
    return (outputs * shape[0], *shape[1:])
