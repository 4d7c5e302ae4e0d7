"""Sequences of two symbols from a Markov chain, whose entropy is known."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

import genzoo
from genzoo.core.dataset import PADDING, token_type
from genzoo_plugins.toy.base import Generated

NEXT = ((0.9, 0.1), (0.3, 0.7))
"""Probabilities of the next symbol (column) after each symbol (row)."""
FIRST = (0.75, 0.25)
"""The chain's stationary distribution, from which the first symbol is drawn."""


class Markov(Generated):
    """A stationary chain of the symbols a and b, tokens 1 and 2 (Shannon 1948, section 7).

    The entropy is H(first) + (L − 1) · .396528 nats a sequence of length L, with H(first) = .562335.
    """

    name = "markov"

    @genzoo.config
    class Config(Generated.Config):
        length: Annotated[int, genzoo.Range(1, 10_000)] = 32
        """Number of symbols in a sequence."""

    @property
    def spec(self) -> genzoo.DataSpec:
        own = self.config
        return genzoo.DataSpec((own.length,), "", size=own.train, kind="tokens", levels=3, symbols=("", "a", "b"))

    def split(self, name: str, n: int) -> genzoo.Split:
        length = self.config.length
        uniform = self.uniform(name, "symbols", n * length).view(n, length)
        change = torch.tensor([row[1] for row in NEXT], dtype=torch.float64)
        state = (uniform[:, 0] < FIRST[1]).long()
        states = [state]
        for place in range(1, length):
            state = (uniform[:, place] < change[state]).long()
            states.append(state)
        return genzoo.Split((torch.stack(states, 1) + 1).to(token_type(self.spec.levels)))

    def log_density(self, x: Tensor) -> Tensor:
        """Return ln p of sequences [n, L] in nats, [n]; −∞ for one with padding."""
        state = (x.long() - 1).clamp_min(0)
        first, following = (torch.tensor(p, dtype=torch.float64, device=x.device).log() for p in (FIRST, NEXT))
        log_p = first[state[:, 0]] + following[state[:, :-1], state[:, 1:]].sum(1)
        return log_p.masked_fill((x == PADDING).any(1), -torch.inf)
