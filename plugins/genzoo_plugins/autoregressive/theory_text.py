"""What the numbers of the character model are held against: enumeration of all texts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.autoregressive.char_model import CharModel


def char_model() -> Iterator[Case]:
    """Probabilities of all texts sum to 1, and a text costs no more than its characters and its end."""
    spec = genzoo.DataSpec((4,), "", kind="tokens", levels=4)
    with genzoo.seeded(0):
        model = CharModel(spec, CharModel.Config(width=16, depth=2, heads=2)).double().eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    texts = every(4, 4)
    with torch.no_grad():
        log_p, logits = model.log_prob(texts), model.logits(texts).log_softmax(-1)
    yield Case("Σ p(x) over 256 sequences", log_p.exp().sum().item(), 1.0, 1e-9)
    first = log_p[texts[:, 0] == 0].exp().sum()
    yield Case("P(the empty text)", first.item(), logits[0, 0, 0].exp().item(), 1e-12)
    x, wanted = torch.tensor([[2, 3, 0, 0]]), 0.0
    with torch.no_grad():
        steps = model.logits(x).log_softmax(-1)[0]
        wanted = (steps[0, 2] + steps[1, 3] + steps[2, 0]).item()
        moved = model.logits(torch.tensor([[2, 3, 1, 2]]))[0] - model.logits(torch.tensor([[2, 3, 2, 1]]))[0]
        yield Case("ln p of two characters and the end, nats", model.log_prob(x).item(), wanted, 1e-12)
    yield Case.largest("logits up to the first different character", moved[:3], 0.0, 0.0)
    yield from drawn(model, texts)


@torch.no_grad()
def drawn(model: CharModel, values: Tensor) -> Iterator[Case]:
    """Frequencies of 4,000 samples against p, as χ² for each degree of freedom."""
    count = 4000
    with genzoo.seeded(0):
        samples = model.sample(count)
    p = model.log_prob(values).exp().double()
    often = (samples[:, None] == values[None]).all(-1).double().sum(0)
    common = p * count >= 5
    expected = torch.cat([p[common], 1 - p[common].sum()[None]]) * count
    found = torch.cat([often[common], count - often[common].sum()[None]])
    freedom = int(common.sum())
    chi = ((found - expected).square() / expected.clamp_min(1.0)).sum().item() / freedom
    yield Case("χ² of 4,000 samples for each degree of freedom", chi, 1.0, 5 * math.sqrt(2 / freedom))


def every(levels: int, size: int) -> Tensor:
    """Return all sequences of these levels, [levels^size, size]."""
    return torch.tensor(list(itertools.product(range(levels), repeat=size)))
