"""A bijection, for posteriors, priors and flows: `genzoo.make_part("bijection", "starter-bijection", D, 0)`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import genzoo


class StarterBijection(genzoo.Bijection):
    """y = exp(s)·x + t, with s and t that may depend on a context."""

    def __init__(self, dim: int, context_dim: int) -> None:
        super().__init__(dim, context_dim)
        self.own = nn.Parameter(torch.zeros(2 * dim))
        self.given = nn.Linear(context_dim, 2 * dim, bias=False) if context_dim else None

    def coefficients(self, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """s and t, [*, D]."""
        both = self.own if self.given is None or context is None else self.own + self.given(context)
        s, t = both.chunk(2, -1)
        return s, t

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        s, t = self.coefficients(context)
        return s.exp() * x + t, s.expand_as(x).sum(-1)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        s, t = self.coefficients(context)
        return (y - t) * (-s).exp(), -s.expand_as(y).sum(-1)
