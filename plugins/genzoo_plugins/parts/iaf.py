"""Gated autoregressive maps: fast from noise to z (an inverse autoregressive flow), sequential back."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.nets import MaskedLinear

WIDTH = 320
"""Hidden units of a step (Kingma et al. 2016, appendix C)."""
OPEN = 2.0
"""Added to the gate's logits: at first a step keeps σ(2) = 88 % of z (section 4 of the paper has +1 or +2)."""


class AutoregressiveStep(nn.Module):
    """m_i and the logit of σ_i as functions of z_1 … z_{i−1} and the context: a net with one masked hidden layer."""

    def __init__(self, dim: int, context_dim: int) -> None:
        super().__init__()
        order, hidden = torch.arange(dim), torch.arange(WIDTH) % max(dim - 1, 1)
        self.first = MaskedLinear(hidden[:, None] >= order)
        self.last = MaskedLinear((order[:, None] > hidden).repeat(2, 1))
        self.context = nn.Linear(context_dim, WIDTH + 2 * dim, bias=False) if context_dim else None
        with torch.no_grad():
            self.last.weight.mul_(0.1)

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return m and the logit of σ, [*, D] each."""
        hidden, outputs = self.first(x), 0.0
        if self.context is not None and context is not None:
            of_hidden, outputs = self.context(context).split([WIDTH, 2 * x.shape[-1]], -1)
            hidden = hidden + of_hidden
        mean, gate = full_precision(self.last(hidden.relu()) + outputs).chunk(2, -1)
        return mean, gate + OPEN


class AutoregressiveFlow(genzoo.Bijection):
    """N steps z ↦ σ ⊙ z + (1 − σ) ⊙ m, with ln |det| = Σ ln σ (Kingma et al. 2016, eq. 13 and 14).

    m_i and σ_i depend on z_1 … z_{i−1} and on the context. The order of the dimensions is reversed after each step.
    The inverse of a step takes D passes.
    """

    symbol = "N, the number of steps,"
    default = 2

    def __init__(self, dim: int, context_dim: int, steps: int) -> None:
        super().__init__(dim, context_dim)
        if dim < 2:
            raise genzoo.UsageError("an iaf of one latent is no more than a Gaussian", "type: --latent-dim 2")
        self.steps = nn.ModuleList(AutoregressiveStep(dim, context_dim) for _ in range(steps))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = torch.zeros_like(x[..., 0])
        for step in self.steps:
            mean, gate = step(x, context)
            x = (mean + torch.sigmoid(gate) * (x - mean)).flip(-1)
            total = total + F.logsigmoid(gate).sum(-1)
        return x, total

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = torch.zeros_like(y[..., 0])
        for step in reversed(self.steps):
            y = y.flip(-1)
            x = y
            for _ in range(self.dim):  # after pass i, the first i dimensions of x are exact
                mean, gate = step(x, context)
                x = mean + (y - mean) / torch.sigmoid(gate)
            y = x
            total = total - F.logsigmoid(step(x, context)[1]).sum(-1)
        return y, total
