"""Interpolated n-grams: a Markov chain of order n − 1, fitted by counting."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import genzoo
from genzoo.core.dataset import PADDING

LARGEST = 2**24
"""The largest number of entries of the table of probabilities."""


class NGram(genzoo.Density):
    """p(x_t | x_{t−n+1} … x_{t−1}), each order interpolated with the one below and the lowest with equal probabilities
    (Witten & Bell 1991, method C): a context that was seen N times, before T different tokens, has weight N/(N + T).

    The padding is the symbol of the end, and also stands for what is before the beginning. What follows the end is
    padding with probability 1, so p sums to 1 over all sequences.
    """

    kinds = ("tokens",)
    measure = "probability"
    log_probabilities: Tensor

    @genzoo.config
    class Config:
        order: genzoo.Count = 3
        """n, the length of a context and the token after it; 1: independent tokens."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        if spec.levels**config.order > LARGEST:
            most = int(math.log(LARGEST) / math.log(spec.levels))
            what = (
                f"a table of {spec.levels} tokens in contexts of {config.order - 1} has more than {LARGEST:,} entries"
            )
            raise genzoo.UsageError(what, f"--order {max(most, 1)}")
        rows = spec.levels ** (config.order - 1)
        self.register_buffer("log_probabilities", torch.full((rows, spec.levels), -math.log(spec.levels)))

    def fit(self, batches: Iterable[genzoo.Batch]) -> None:
        levels, order = self.spec.levels, self.config.order
        counts = torch.zeros(levels**order, dtype=torch.float64)
        for batch in batches:
            counts += torch.bincount(self.codes(batch.x)[~ended(batch.x)].cpu(), minlength=levels**order)
        tables = [counts]
        for _ in range(order - 1):
            tables.append(tables[-1].view(levels, -1).sum(0))  # over the oldest token
        p = torch.full((1, levels), 1 / levels, dtype=torch.float64)
        for table in reversed(tables):
            seen = table.view(-1, levels)
            total, kinds = seen.sum(1, keepdim=True), (seen > 0).sum(1, keepdim=True)
            p = p.repeat(len(seen) // len(p), 1)
            p = torch.where(total > 0, (seen + kinds * p) / (total + kinds).clamp_min(1), p)
        self.log_probabilities.copy_(p.log())

    def codes(self, x: Tensor) -> Tensor:
        """Return the number of each token with its context, x [B, L] → [B, L]: the oldest is the leading digit."""
        order = self.config.order
        padded = F.pad(x, (order - 1, 0), value=PADDING)
        digits = [padded[:, order - 1 - age : order - 1 - age + x.shape[1]] for age in range(order)]
        found: Tensor = sum((digit * self.spec.levels**age for age, digit in enumerate(digits)), torch.zeros_like(x))
        return found

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        each = self.log_probabilities.flatten()[self.codes(x)]
        over = ended(x)
        possible = (~over | (x == PADDING)).all(1)
        return torch.where(possible, each.masked_fill(over, 0.0).sum(1), -math.inf)

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        levels = self.spec.levels
        context = torch.zeros(n, dtype=torch.int64, device=self.log_probabilities.device)
        token, drawn = context, []
        for place in range(self.spec.shape[0]):
            chosen = torch.multinomial(self.log_probabilities[context].exp(), 1).squeeze(1)
            token = torch.where((token == PADDING) & (place > 0), PADDING, chosen)
            context = (context * levels + token) % len(self.log_probabilities)
            drawn.append(token)
        return torch.stack(drawn, 1)


def ended(x: Tensor) -> Tensor:
    """Return whether the end of a sequence x [B, L] is before a place, [B, L]."""
    return F.pad((x == PADDING)[:, :-1].cumsum(1) > 0, (1, 0))
