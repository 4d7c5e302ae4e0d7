"""Theory of generated sequences with hidden states and of tables: sums over all of them, and of what is hidden."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch

from genzoo.core.theory import Case
from genzoo_plugins.toy.hmm import FIRST, HMM, NEXT, SHOWN


def hmm() -> Iterator[Case]:
    """The forward recursion is the sum over all hidden paths, and the examples have its frequencies."""
    data = HMM(HMM.Config(length=3))
    every = torch.tensor(list(itertools.product(range(1, 5), repeat=3)))
    p = data.log_density(every).exp()
    yield Case("Σ p over 64 sequences", p.sum().item(), 1.0, 1e-12)
    paths = torch.zeros(len(every), dtype=torch.float64)
    shown = torch.tensor(SHOWN, dtype=torch.float64)
    for a, b, c in itertools.product(range(3), repeat=3):
        x, y, z = (shown[state][every[:, place] - 1] for place, state in enumerate((a, b, c)))
        paths += FIRST[a] * NEXT[a][b] * NEXT[b][c] * x * y * z
    yield Case.largest("p(x): the sum over 27 hidden paths", p, paths, 1e-12)
    n = 4000
    drawn = torch.as_tensor(data.split("train", n).x[:]).long()
    often = (drawn[:, None] == every).all(2).double().mean(0)
    worst = ((often - p).abs() / (p * (1 - p) / n).sqrt())[p * n > 5].max().item()
    yield Case("frequencies of the examples: largest deviation from p, s.e.", worst, 0.0, 4.5)
