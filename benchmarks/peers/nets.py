"""The nets of `vae` and `conv-vae` with their defaults, as users of other libraries write them: two heads, not one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LATENTS = 20


class DenseEncoder(nn.Module):
    """784-400-(20, 20)."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.mean = nn.Linear(400, LATENTS)
        self.log_variance = nn.Linear(400, LATENTS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = F.relu(self.hidden(x.view(-1, 784)))
        return self.mean(h), self.log_variance(h)


class DenseDecoder(nn.Module):
    """20-400-784, to probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(LATENTS, 400)
        self.output = nn.Linear(400, 784)

    def forward(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.output(F.relu(self.hidden(z)))).view(-1, 1, 28, 28)


class ConvEncoder(nn.Module):
    """Convolutions of 32 and 64 maps, 3×3, stride 2, then (20, 20)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 32, 3, stride=2, padding=1)
        self.second = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.mean = nn.Linear(64 * 7 * 7, LATENTS)
        self.log_variance = nn.Linear(64 * 7 * 7, LATENTS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = F.relu(self.second(F.relu(self.first(x)))).flatten(1)
        return self.mean(h), self.log_variance(h)


class ConvDecoder(nn.Module):
    """Dense to 7×7×32, transposed convolutions of 64 and 32 maps, 3×3 to one, to probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(LATENTS, 32 * 7 * 7)
        self.first = nn.ConvTranspose2d(32, 64, 3, stride=2, padding=1, output_padding=1)
        self.second = nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1)
        self.output = nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = F.relu(self.dense(z)).view(-1, 32, 7, 7)
        return torch.sigmoid(self.output(F.relu(self.second(F.relu(self.first(h))))))


NETS = {"vae": (DenseEncoder, DenseDecoder), "conv-vae": (ConvEncoder, ConvDecoder)}
