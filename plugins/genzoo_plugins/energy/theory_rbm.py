"""Theory of Boltzmann machines: all states of a small one, and what persistent chains follow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.energy.rbm import RBM, PersistentContrastiveDivergence

SIDE = 3
DRAWS = 20_000
RATE = 0.04
"""Learning rate of the small machine; it falls to 0."""


def machine(units: int = 5, spread: float = 1.0) -> RBM:
    """Return a machine of 3×3 pixels whose weights are drawn from N(0, spread²)."""
    model = RBM(genzoo.DataSpec((1, SIDE, SIDE), "bernoulli", binary=True), RBM.Config(units=units))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, spread)
        model.base.normal_()
    return model


def every_state() -> Tensor:
    """Return all images of 3×3 pixels, [512, 9]."""
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=SIDE**2)))


def bars_and_stripes() -> Tensor:
    """Return the 14 images of 3×3 pixels whose rows are equal or whose columns are equal, [14, 1, 3, 3]."""
    lines = torch.tensor(list(itertools.product((0.0, 1.0), repeat=SIDE)))
    rows = lines[:, :, None].expand(-1, -1, SIDE)
    images: Tensor = torch.cat([rows, rows.mT]).flatten(1).unique(dim=0)
    return images.view(-1, 1, SIDE, SIDE)


@torch.no_grad()
def rbm() -> Iterator[Case]:
    """Z is the sum over both layers; p sums to 1; annealing finds Z and draws from p."""
    model, v = machine(), every_state()
    h = torch.tensor(list(itertools.product((0.0, 1.0), repeat=5)))
    joint = (h @ model.weight @ v.T + (h @ model.hidden)[:, None] + v @ model.visible).double()
    yield Case(
        "ln Z: the sum over both layers, nats", model.by_enumeration().item(), joint.logsumexp((0, 1)).item(), 1e-4
    )
    log_p = model.log_prob(v.view(-1, 1, SIDE, SIDE)).double()
    yield Case("Σ p(v) over all images", log_p.exp().sum().item(), 1.0, 1e-5)
    yield Case.largest("ln p(v) + ln Z: the sum over h, nats", model.score(v), joint.logsumexp(0), 1e-4)
    yield Case.largest("p(h|v)", model.encode(v), joint.softmax(0).T @ h.double(), 1e-5)
    biases = model.score(v, 0.0) - 5 * math.log(2) - v @ model.base
    yield Case("at β = 0 pixels are independent, nats", biases.abs().max().item(), 0.0, 1e-4)
    model.config = RBM.Config(units=5, chains=200, temperatures=300)
    yield Case("ln Z by annealing, nats", model.by_annealing().item(), model.by_enumeration().item(), 0.05)
    drawn = model.sample(DRAWS, noise=True, options=RBM.Sampling(steps=60)).flatten(1)
    error = (drawn.mean(0) - log_p.exp().float() @ v).abs().max().item()
    yield Case("its samples: largest error of the frequency of a pixel", error, 0.0, 5 * 0.5 / math.sqrt(DRAWS))
    gap = (model.score(drawn).double() - log_p.exp() @ model.score(v).double()).mean().item()
    yield Case("its samples: mean energy, nats", gap, 0.0, 0.08)


def pcd() -> Iterator[Case]:
    """Chains of the model give the gradient of −ln p; a Gibbs step leaves them there; bars and stripes are learned."""
    model, v = machine(), every_state()
    p = model.log_prob(v.view(-1, 1, SIDE, SIDE)).exp().detach()
    loss = PersistentContrastiveDivergence(model, PersistentContrastiveDivergence.Config(particles=DRAWS))
    loss.chains.copy_(v[torch.multinomial(p, DRAWS, replacement=True)])
    data = genzoo.Batch(bars_and_stripes())
    weights = list(model.parameters())
    found = torch.autograd.grad(loss(model, data, torch.tensor(0))["loss"], weights)
    exact = torch.autograd.grad(-model.log_prob(data.x).mean(), weights)
    error = max((one - other).abs().max().item() for one, other in zip(found, exact, strict=True))
    yield Case("gradient of −ln p: largest error", error, 0.0, 5 * 0.5 / math.sqrt(DRAWS))
    before = model.score(loss.chains).mean().item()
    with torch.no_grad():
        loss.after_step(model, data, torch.tensor(0))
        yield Case("mean energy of the chains after a step, nats", model.score(loss.chains).mean().item(), before, 0.08)
        moved = (loss.chains.mean(0) - p @ v).abs().max().item()
    yield Case("frequency of a pixel after a step: largest error", moved, 0.0, 5 * 0.5 / math.sqrt(DRAWS))
    yield from learned(data)


def learned(data: genzoo.Batch) -> Iterator[Case]:
    """Train a machine on bars and stripes, whose entropy is ln 14 nats."""
    model = machine(units=10, spread=0.05)
    model.prepare(data)
    loss = PersistentContrastiveDivergence(model, PersistentContrastiveDivergence.Config(particles=300, gibbs_steps=3))
    optimizer, steps = torch.optim.Adam(model.parameters(), lr=RATE), 500
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / steps)
        optimizer.zero_grad()
        loss(model, data, torch.tensor(step))["loss"].backward()
        optimizer.step()
        with torch.no_grad():
            loss.after_step(model, data, torch.tensor(step))
    nll, entropy = -model.log_prob(data.x).mean().item(), math.log(len(data.x))
    yield Case("−ln p of bars and stripes, never below their entropy, nats", nll, entropy, 1e-6, one_sided=True)
    yield Case("−ln p of bars and stripes, learned, nats", nll, entropy, 0.8)
