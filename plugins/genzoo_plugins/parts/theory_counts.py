"""Theory of the likelihoods of counts: sums over all counts, moments, and the limits."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case

MEANS, FREEDOMS = (0.02, 0.7, 6.0), (0.3, 2.0, 30.0)
COUNTS = torch.arange(400, dtype=torch.float64)


def made(name: str, *numbers: float) -> genzoo.Distribution:
    """Return p(x) of one count, for the decoder's numbers."""
    px: genzoo.Distribution = genzoo.make_likelihood(name)(torch.tensor([numbers], dtype=torch.float64))
    return px


def log_p(px: genzoo.Distribution) -> Tensor:
    """Return ln p of COUNTS, nats."""
    return px.log_prob(COUNTS[:, None, None])[:, 0]


def of_all(px: genzoo.Distribution) -> Tensor:
    """Return the probabilities of COUNTS."""
    return log_p(px).exp()


def log(value: float) -> float:
    """Return ln of a number."""
    return torch.tensor(value, dtype=torch.float64).log().item()


def nb() -> Iterator[Case]:
    """Σ p = 1, torch's probabilities, mean μ, variance μ + μ²/r, and a Poisson distribution as r → ∞."""
    for mean, freedom in zip(MEANS, FREEDOMS, strict=True):
        px, at = made("nb", log(mean), log(freedom)), f"at μ = {mean:g}, r = {freedom:g}"
        p = of_all(px)
        reference = torch.distributions.NegativeBinomial(
            torch.tensor(freedom, dtype=torch.float64), torch.tensor(mean / (mean + freedom), dtype=torch.float64)
        )
        yield Case(f"Σ p over counts {at}", p.sum().item(), 1.0, 1e-9)
        yield Case.largest(f"ln p of torch's {at}, nats", log_p(px), reference.log_prob(COUNTS), 1e-6)
        first = (p * COUNTS).sum().item()
        yield Case(f"mean {at}", first, mean, 1e-9)
        second = (p * COUNTS.square()).sum().item() - first**2
        yield Case(f"variance {at}: μ + μ²/r", second, mean + mean**2 / freedom, 1e-8)
    yield from to_poisson()
    with genzoo.seeded(0):
        drawn = made("nb", log(2.0), log(0.5)).rsample((20_000,)).flatten()
    yield Case.mean("mean of samples at μ = 2, r = ½", drawn, 2.0)
    yield Case.mean("their share of 0: (r/(r + μ))^r", (drawn == 0).double(), 0.2**0.5)


def to_poisson() -> Iterator[Case]:
    """ln p at r = 10⁸ is that of a Poisson distribution, also in single precision, where ln Γ(10⁸) is off by 100."""
    counts = torch.arange(20.0)
    raw = torch.tensor([[log(3.0), log(1e8)]])
    found = genzoo.make_likelihood("nb")(raw).log_prob(counts[:, None, None])[:, 0]
    truth = torch.distributions.Poisson(torch.tensor(3.0)).log_prob(counts)
    yield Case.largest("r = 10⁸: ln p of a Poisson distribution, nats", found, truth, 1e-4)


def zinb() -> Iterator[Case]:
    """Σ p = 1; the mean is (1 − π) μ; 0 has π more and all else 1 − π times as much; π = 0 is nb."""
    share = 0.25
    px, plain = made("zinb", log(2.0), log(0.7), log(share / (1 - share))), of_all(made("nb", log(2.0), log(0.7)))
    p = of_all(px)
    yield Case("Σ p over counts", p.sum().item(), 1.0, 1e-9)
    yield Case("mean: (1 − π) μ", (p * COUNTS).sum().item(), 1.5, 1e-9)
    yield Case("mean of the distribution", px.mean.item(), 1.5, 1e-9)
    yield Case("p(0): π + (1 − π) p₀", p[0].item(), share + (1 - share) * plain[0].item(), 1e-9)
    yield Case.largest("p(k), k > 0", p[1:], (1 - share) * plain[1:], 1e-12)
    yield Case.largest("π = 0: nb", of_all(made("zinb", log(2.0), log(0.7), -40.0)), plain, 1e-12)
    with genzoo.seeded(0):
        drawn = px.rsample((20_000,)).flatten()
    yield Case.mean("mean of samples", drawn, 1.5)
