"""Theory of generated sequences with hidden states and of tables: sums over all of them, and of what is hidden."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch

from genzoo.core.theory import Case
from genzoo_plugins.toy import cells as cell
from genzoo_plugins.toy.hmm import FIRST, HMM, NEXT, SHOWN
from genzoo_plugins.toy.mixed_table import MEANS, OWNER, SHARES, MixedTable


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


def mixed_table() -> Iterator[Case]:
    """The density integrates and sums to 1, and the examples have the groups' means and shares."""
    data = MixedTable(MixedTable.Config())
    age, income = torch.linspace(-10, 130, 141).double(), torch.linspace(-40, 140, 181).double()
    whole = torch.cartesian_prod(age, income, torch.arange(4).double(), torch.arange(2).double())
    yield Case("∫Σ p(x) over numbers and names", data.log_density(whole).exp().sum().item(), 1.0, 1e-3)
    n = 5000
    x = torch.as_tensor(data.split("train", n).x[:])
    mean = sum(share * row[1] for share, row in zip(SHARES, MEANS, strict=True))
    yield Case.mean("mean income", x[:, 1], mean)
    owner = sum(share * p for share, p in zip(SHARES, OWNER, strict=True))
    yield Case.mean("share of owners", x[:, 3], owner)
    marginal = data.log_density(whole).exp().view(141, 181, 4, 2).sum((0, 1))
    for work in range(4):
        both = ((x[:, 2] == work) & (x[:, 3] == 1)).double()
        yield Case.mean(f"share of owners with work {work}, by the density", both, marginal[work, 1].item())
    yield Case(
        "E −ln p of a name that there is not", float(data.log_density(torch.tensor([[30.0, 20, 4, 0]])).exp()), 0, 0
    )


def cells() -> Iterator[Case]:
    """ln p(x) is that of a mixture of torch's distributions, and the examples have its means and the shares of kinds
    that it infers."""
    data = cell.Cells(cell.Cells.Config())
    n = 4000
    split = data.split("train", n)
    x, y = torch.as_tensor(split.x[:]).double(), split.y
    assert y is not None
    log_kinds = []
    for row in cell.GENES:
        means = torch.tensor(cell.DEPTHS, dtype=torch.float64)[:, None] * torch.tensor(row, dtype=torch.float64)
        r = torch.tensor(cell.FREEDOM, dtype=torch.float64)
        reference = torch.distributions.NegativeBinomial(r, means / (means + r))
        log_kinds.append(reference.log_prob(x[:, None]).sum(2).exp().mean(1).log())
    shares = torch.tensor(cell.SHARES, dtype=torch.float64)
    truth = (torch.stack(log_kinds, 1) + shares.log()).logsumexp(1)
    yield Case.largest("ln p(x): of torch's distributions, nats", data.log_density(x), truth, 1e-6)
    depth = sum(cell.DEPTHS) / len(cell.DEPTHS)
    yield Case.mean("mean sum of the counts", x.sum(1), depth)
    for kind, share in enumerate(cell.SHARES):
        yield Case.mean(f"E p(x|kind {kind})/p(x): 1", (log_kinds[kind] - truth).exp(), 1.0)
        yield Case.mean(f"share of kind {kind}", (y == kind).double(), share)
    own = x[y == 1]
    yield Case.mean("mean of gene 3 in cells of kind 1", own[:, 2], depth * cell.GENES[1][2])
