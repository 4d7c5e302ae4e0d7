"""Theory of MADE and of the character model: enumeration, causality, and a Gaussian whose conditionals are linear."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.functional import jacobian
from torch.distributions import MultivariateNormal

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.autoregressive.char_model import CharModel
from genzoo_plugins.autoregressive.made import MADE


def made() -> Iterator[Case]:
    """Probabilities sum to 1, and p(x_d | x_<d) depends on earlier values alone."""
    for hidden in ((), (24, 16)):
        model = stirred_made(genzoo.DataSpec((1, 2, 5), "bernoulli", binary=True), hidden)
        log_p = model.log_prob(every(2, 10).double().view(-1, 1, 2, 5)).detach()
        yield Case(f"Σ p(x) over 1,024 images, {len(hidden)} hidden layers", log_p.exp().sum().item(), 1.0, 1e-9)
    yield from causal(genzoo.DataSpec((8,), "gaussian-per-dim"))
    yield from cholesky()
    yield from drawn(stirred_made(genzoo.DataSpec((4,), "bernoulli", binary=True), (8,)), every(2, 4).double())


def causal(spec: genzoo.DataSpec) -> Iterator[Case]:
    """The Jacobian of the conditional means is strictly lower triangular, and nothing there is 0."""
    model = stirred_made(spec, (5, 9))
    with genzoo.seeded(2):
        x = torch.randn(8, dtype=torch.float64)
    slopes = jacobian(lambda one: model.conditionals(one[None]).centre[0], x)
    yield Case.largest("∂E[x_i | x_<i]/∂x_j for j ≥ i", slopes.triu(), 0.0, 0.0)
    below = slopes[torch.ones(8, 8).tril(-1).bool()]
    yield Case("number of j < i with a derivative of 0", (below == 0).sum().item(), 0.0, 0.0)


@torch.no_grad()
def cholesky() -> Iterator[Case]:
    """x = Lε with unit diagonal: x_i | x_<i ~ N(Σ_j (I − L⁻¹)_ij x_j, 1), which a linear MADE holds exactly."""
    with genzoo.seeded(3):
        factor = torch.eye(5, dtype=torch.float64) + torch.randn(5, 5, dtype=torch.float64).tril(-1)
        x = torch.randn(30, 5, dtype=torch.float64) @ factor.T
    model = MADE(genzoo.DataSpec((5,), "gaussian"), MADE.Config(hidden=())).double()
    model.direct.weight.copy_(torch.eye(5) - factor.inverse())
    model.direct.bias.zero_()
    truth = MultivariateNormal(x.new_zeros(5), factor @ factor.T).log_prob(x)
    yield Case.largest("ln p(x) of a correlated Gaussian by Cholesky, nats", model.log_prob(x), truth, 1e-9)


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
def drawn(model: MADE | CharModel, values: Tensor) -> Iterator[Case]:
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


def stirred_made(spec: genzoo.DataSpec, hidden: tuple[int, ...]) -> MADE:
    """Return a model with large random weights, so that no dependence is too weak to be seen."""
    with genzoo.seeded(0):
        model = MADE(spec, MADE.Config(hidden=hidden, activation="tanh")).double()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.7)
    return model
