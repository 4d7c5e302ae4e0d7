"""Sequences of four symbols from a hidden Markov chain, whose probabilities the forward recursion gives."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

import genzoo
from genzoo.core.dataset import PADDING, token_type
from genzoo_plugins.toy.base import Generated

FIRST = (0.5, 0.3, 0.2)
"""Probabilities of the first hidden state."""
NEXT = ((0.97, 0.02, 0.01), (0.03, 0.95, 0.02), (0.01, 0.03, 0.96))
"""Probabilities of the next hidden state (column) after each (row): it seldom changes, so a sequence has a topic."""
SHOWN = ((0.85, 0.05, 0.05, 0.05), (0.05, 0.45, 0.45, 0.05), (0.05, 0.05, 0.1, 0.8))
"""Probabilities of the symbols (columns) in each hidden state (row)."""


class HMM(Generated):
    """A hidden Markov model of three states and the symbols a to d, tokens 1 to 4 (Rabiner 1989, section II)."""

    name = "hmm"

    @genzoo.config
    class Config(Generated.Config):
        length: Annotated[int, genzoo.Range(1, 10_000)] = 16
        """Number of symbols in a sequence."""

    @property
    def spec(self) -> genzoo.DataSpec:
        own = self.config
        symbols = ("", "a", "b", "c", "d")
        return genzoo.DataSpec((own.length,), "", size=own.train, kind="tokens", levels=len(symbols), symbols=symbols)

    def split(self, name: str, n: int) -> genzoo.Split:
        length = self.config.length
        first, following, shown = (torch.tensor(table, dtype=torch.float64) for table in (FIRST, NEXT, SHOWN))
        moves, draws = (self.uniform(name, what, n * length).view(n, length) for what in ("states", "symbols"))
        state = chosen(first.expand(n, -1), moves[:, 0])
        x = [chosen(shown[state], draws[:, 0])]
        for place in range(1, length):
            state = chosen(following[state], moves[:, place])
            x.append(chosen(shown[state], draws[:, place]))
        return genzoo.Split((torch.stack(x, 1) + 1).to(token_type(self.spec.levels)))

    def log_density(self, x: Tensor) -> Tensor:
        """Return ln p of sequences [n, L] in nats, [n], by the forward recursion; −∞ for one with padding.

        ln α_t(s) = ln p(x_1 … x_t, s_t = s), and p(x) = Σ_s α_L(s) (Rabiner 1989, eq. 19-21).
        """
        tables = (torch.tensor(table, dtype=torch.float64, device=x.device).log() for table in (FIRST, NEXT, SHOWN))
        first, following, shown = tables
        symbols = (x.long() - 1).clamp_min(0)
        forward = first + shown.T[symbols[:, 0]]
        for place in range(1, x.shape[1]):
            forward = (forward[:, :, None] + following).logsumexp(1) + shown.T[symbols[:, place]]
        return forward.logsumexp(1).masked_fill((x == PADDING).any(1), -torch.inf)


def chosen(p: Tensor, uniform: Tensor) -> Tensor:
    """Return the number whose share of [0, 1) in the row of p [n, K] holds the uniform number [n]."""
    return (uniform[:, None] >= p.cumsum(1)[:, :-1]).sum(1)
