"""Planar flows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision

BISECTIONS = 40
"""Halvings of the interval in which the inverse lies."""
NEWTON = 3
"""Newton steps after them, which also carry the gradient."""


class PlanarFlow(genzoo.Bijection):
    """N steps z ↦ z + û tanh(w·z + b), with ln |det| = ln(1 + û·w (1 − tanh²)) (Rezende & Mohamed 2015, eq. 10 – 12).

    û is u moved along w so that w·û > −1, which makes a step invertible (appendix A.1). With a context, u, w and b are
    a linear function of it. The inverse solves one equation of one unknown, w·z.
    """

    symbol = "N, the number of steps,"
    default = 8

    def __init__(self, dim: int, context_dim: int, steps: int) -> None:
        super().__init__(dim, context_dim)
        self.steps = steps
        numbers = steps * (2 * dim + 1)
        self.own = nn.Parameter(0.1 * torch.randn(numbers))
        self.of_context = nn.Linear(context_dim, numbers, bias=False) if context_dim else None

    def parameters_of(self, context: Tensor | None) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Return û [*, D], w [*, D], b [*] and û·w [*] of each step."""
        numbers: Tensor = self.own
        if self.of_context is not None and context is not None:
            numbers = numbers + full_precision(self.of_context(context))
        found = []
        for step in numbers.unflatten(-1, (self.steps, 2 * self.dim + 1)).unbind(-2):
            u, w, b = step[..., : self.dim], step[..., self.dim : -1], step[..., -1]
            product = (u * w).sum(-1)
            wanted = F.softplus(product) - 1
            u = u + ((wanted - product) / (w.square().sum(-1) + 1e-6))[..., None] * w
            found.append((u, w, b, (u * w).sum(-1)))
        return found

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = torch.zeros_like(x[..., 0])
        for u, w, b, product in self.parameters_of(context):
            activation = torch.tanh((w * x).sum(-1) + b)
            x = x + u * activation[..., None]
            total = total + torch.log1p(product * (1 - activation.square()))
        return x, total

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = torch.zeros_like(y[..., 0])
        for u, w, b, product in reversed(self.parameters_of(context)):
            activation = torch.tanh(solved((w * y).sum(-1) + b, product))
            y = y - u * activation[..., None]
            total = total - torch.log1p(product * (1 - activation.square()))
        return y, total


def solved(target: Tensor, product: Tensor) -> Tensor:
    """Return a with a + product · tanh(a) = target, elementwise, for products above −1: the left side is increasing."""
    with torch.no_grad():
        a = target.clone()
        width = product.abs().expand(target.shape).clone()  # a lies within this distance of the target
        for _ in range(BISECTIONS):
            width = width / 2
            a = a + torch.where(a + product * torch.tanh(a) < target, width, -width)
    for _ in range(NEWTON):
        tanh = torch.tanh(a)
        a = a - (a + product * tanh - target) / (1 + product * (1 - tanh.square()))
    return a
