"""What is known of a transformer's conditionals: they add up to 1, and cannot beat the entropy of their data."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded
from genzoo.core.theory import Case
from genzoo_plugins.autoregressive.transformer import Cache, Transformer
from genzoo_plugins.toy.markov import FIRST, NEXT, Markov

LEVELS, LENGTH = 4, 4
TEXT = genzoo.DataSpec((LENGTH,), "", kind="tokens", levels=LEVELS)
FORMS = {
    "texts": TEXT,
    "grids of codes": TEXT._replace(grid=(2, 2)),
    "black and white images": genzoo.DataSpec((1, 2, 4), "bernoulli", binary=True),
    "images of 3 levels": genzoo.DataSpec((1, 2, 2), "bernoulli", levels=3),
}
RATE = 0.396528
"""Entropy rate of the chain, nats a symbol."""
STEPS, CHAIN, TEST = 60, 12, 1000


def transformer() -> Iterator[Case]:
    """Σ p over all examples is 1; samples follow p, and a cache changes nothing; a Markov chain is learned."""
    with torch.no_grad():
        for name, spec in FORMS.items():
            model, x = _model(spec), _every(spec)
            total = model.log_prob(x).double().exp().sum().item()
            yield Case(f"Σ p(x) over all {len(x)} {name}", total, 1.0, 1e-5)
            yield _cached(name, model, x)
        yield _frequencies(_model(FORMS["images of 3 levels"]))
    yield from _chain()


def _cached(name: str, model: Transformer, x: Tensor) -> Case:
    """Return that logits with kept keys and values are those without."""
    symbols = model.symbols(x[1:200:7])
    whole = model.logits(symbols)
    caches: list[Cache | None] = [None] * len(model.blocks)
    before, off = torch.zeros(len(symbols), dtype=torch.int64), 0.0
    for place, wanted in enumerate(whole.unbind(1)):
        found = model.next_logits(before, place, caches)
        off = max(off, (found.exp() - wanted.exp()).abs().max().item())
        before = symbols[:, place]
    return Case(f"{name}: e^logits with a cache, minus those without", off, 0.0, 1e-3)


def _frequencies(model: Transformer) -> Case:
    """Return the largest deviation of the samples' frequencies from p(x), in standard errors."""
    n, x = 8000, _every(model.spec)
    with seeded(0):
        drawn = model.sample(n)
    p = model.log_prob(x).double().exp()
    often = (drawn[:, None] == x).flatten(2).all(2).double().mean(0)
    likely = p * n > 5
    deviations = ((often - p).abs() / (p * (1 - p) / n).sqrt())[likely]
    return Case("samples: largest deviation from p(x), s.e.", deviations.max().item(), 0.0, 4.5)


def _chain() -> Iterator[Case]:
    """Yield the mean of −ln p(x) on test sequences of a chain, beside that of the chain itself."""
    data = Markov(Markov.Config(train=1000, validation=0, test=TEST, length=CHAIN))
    x, test = (data.split(name, n).x[:].long() for name, n in (("train", 1000), ("test", TEST)))
    with seeded(0), torch.enable_grad():
        model = Transformer(data.spec, Transformer.Config(width=16, depth=1, heads=2))
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
        for _ in range(STEPS):
            optimizer.zero_grad()
            (-model.log_prob(x[torch.randint(len(x), (64,))]).mean()).backward()
            optimizer.step()
    with torch.no_grad():
        truth, found = -data.log_density(test), -model.log_prob(test).double()
    first = -sum(p * math.log(p) for p in FIRST)
    rate = -sum(FIRST[i] * p * math.log(p) for i in (0, 1) for p in NEXT[i])
    yield Case("entropy rate of the chain, nats a symbol", rate, RATE, 1e-6)
    known = first + (CHAIN - 1) * RATE
    yield Case.mean("−ln p of the chain's own sequences, nats", truth, known, errors=4.5)
    gap = found - truth  # of the same sequences, so that their choice cancels
    yield Case.mean("−ln p(x) above the chain's, nats", gap, 0.0, one_sided=True, errors=4.0)
    yield Case("−ln p(x) above the chain's is small, nats", gap.mean().clamp_min(0).item(), 0.0, 0.5)


def _model(spec: genzoo.DataSpec) -> Transformer:
    """Return an untrained model with large weights, so that no dependence is too weak to be seen."""
    with seeded(0):
        model = Transformer(spec, Transformer.Config(width=16, depth=2, heads=2))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    return model.eval()


def _every(spec: genzoo.DataSpec) -> Tensor:
    """Return all examples, [N, *S]; of a grid those without padding."""
    if spec.is_discrete:
        return torch.tensor(list(itertools.product(range(bool(spec.grid), spec.levels), repeat=spec.numel)))
    levels = Transformer.levels_of(spec)
    every = torch.tensor(list(itertools.product(range(levels), repeat=spec.numel)))
    return every.view(-1, *spec.shape) / (levels - 1)
