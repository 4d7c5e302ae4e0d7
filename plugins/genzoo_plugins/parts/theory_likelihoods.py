"""Theory of the likelihoods: constants, sums and integrals over x, and the best scale of a learned one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case


def integrated(name: str, low: float, high: float, raw: float = 0.3) -> Case:
    """∫ p(x|z) dx of one value, by the trapezoid rule."""
    grid = torch.linspace(low, high, 20_001, dtype=torch.float64)[:, None]
    return Case(f"∫ p(x|z) dx of {name}", mass(name, grid, raw) * (high - low) / 20_000, 1.0, 1e-3)


@torch.no_grad()
def mass(name: str, x: Tensor, raw: float) -> float:
    """Return Σ p(x|z) over values x [N, 1]."""
    head = genzoo.make_likelihood(name).double()
    given = torch.full((len(x), head.outputs), raw, dtype=torch.float64)
    total: float = head(given).log_prob(x).exp().sum().item()
    return total


def bernoulli() -> Iterator[Case]:
    """A coin for each pixel costs 784 ln 2; the probabilities of all images sum to 1."""
    head = genzoo.make_likelihood("bernoulli")
    coins = -head(torch.zeros(1, 784).double()).log_prob(torch.ones(1, 784).double()).item()
    yield Case("784 coins: 784 ln 2, nats", coins, 784 * math.log(2), 1e-9)
    x = torch.tensor(list(itertools.product((0.0, 1.0), repeat=4))).double()
    raw = torch.tensor([-3.0, 0.2, 1.0, 5.0]).double().expand(16, 4)
    yield Case("Σ p(x|z) over 16 images", head(raw).log_prob(x).exp().sum().item(), 1.0, 1e-9)
    yield Case("E[x|z]: the logistic function of the logit", head(raw).mean[0, 2].item(), 1 / (1 + math.exp(-1)), 1e-12)


def gaussian() -> Iterator[Case]:
    """−ln N(x; 0, σ²) with every constant."""
    cost = (
        -genzoo.make_likelihood("gaussian:0.1")(torch.zeros(1, 4).double()).log_prob(torch.ones(1, 4).double()).item()
    )
    truth = 4 * (0.5 / 0.1**2 + math.log(0.1) + 0.5 * math.log(2 * math.pi))
    yield Case("−ln p of 4 values at 10 σ, nats", cost, truth, 1e-9)
    yield integrated("gaussian:0.1", -2, 2)


def laplace() -> Iterator[Case]:
    """−ln p = |x|/b + ln 2b."""
    cost = -genzoo.make_likelihood("laplace:0.1")(torch.zeros(1, 4).double()).log_prob(torch.ones(1, 4).double()).item()
    yield Case("−ln p of 4 values at 10 b, nats", cost, 4 * (10 + math.log(0.2)), 1e-9)
    yield integrated("laplace:0.1", -3, 3)


def at_the_best(name: str, scale: float, x: Tensor) -> tuple[float, float]:
    """Return the mean cost [nats a value] with the learned parameter at `scale`, and its gradient."""
    head: Any = genzoo.make_likelihood(name).double()
    (parameter,) = head.parameters()
    torch.nn.init.constant_(parameter, scale)
    cost = -head(torch.zeros_like(x)).log_prob(x).mean() / x.shape[1]
    (slope,) = torch.autograd.grad(cost, parameter)
    return cost.item(), slope.item()


def gaussian_learned() -> Iterator[Case]:
    """At σ² = MSE the cost is ½ ln(2πe MSE) a value; d(−ln p)/d ln σ² = ½(1 − MSE/σ²)."""
    x = torch.linspace(0, 1, 50, dtype=torch.float64)[None]
    error = x.square().mean().item()
    cost, slope = at_the_best("gaussian-learned", math.log(error), x)
    yield Case(
        "cost at σ² = MSE: ½ ln(2πe MSE), nats a value", cost, 0.5 * math.log(2 * math.pi * math.e * error), 1e-9
    )
    yield Case("its slope there", slope, 0.0, 1e-9)
    yield Case("its slope at half of it: −½", at_the_best("gaussian-learned", math.log(error / 2), x)[1], -0.5, 1e-9)


def laplace_learned() -> Iterator[Case]:
    """At b = MAE the cost is ln 2b + 1 a value."""
    x = torch.linspace(0, 1, 50, dtype=torch.float64)[None]
    error = x.abs().mean().item()
    cost, slope = at_the_best("laplace-learned", math.log(error), x)
    yield Case("cost at b = MAE: ln(2 MAE) + 1, nats a value", cost, math.log(2 * error) + 1, 1e-9)
    yield Case("its slope there", slope, 0.0, 1e-9)


def gaussian_per_dim() -> Iterator[Case]:
    """σ² = floor² + e^output, and the density integrates to 1."""
    head = genzoo.make_likelihood("gaussian-per-dim:0.1")
    px = head(torch.tensor([[0.4, -1.0, 0.7, -50.0]]).double())
    truth = torch.distributions.Normal(
        torch.tensor([0.4, -1.0]).double(), torch.tensor([0.01 + math.exp(0.7), 0.01]).double().sqrt()
    )
    x = torch.tensor([[1.0, -0.9]]).double()
    yield Case("ln p(x|z) of two values, nats", px.log_prob(x).item(), truth.log_prob(x).sum().item(), 1e-6)
    yield integrated("gaussian-per-dim:0.1", -9, 9)


def continuous_bernoulli() -> Iterator[Case]:
    """A density on [0, 1], uniform at λ = ½; elsewhere its normaliser is 2 artanh(1 − 2λ)/(1 − 2λ)."""
    yield integrated("continuous-bernoulli", 0, 1)
    yield integrated("continuous-bernoulli", 0, 1, raw=4.0)
    head, x = genzoo.make_likelihood("continuous-bernoulli"), torch.full((1, 1), 0.3).double()
    yield Case("ln p at λ = ½, nats", head(torch.zeros(1, 1).double()).log_prob(x).item(), 0.0, 1e-9)
    rate = 1 / (1 + math.exp(-2.0))
    normaliser = 2 * math.atanh(1 - 2 * rate) / (1 - 2 * rate)
    truth = 0.3 * math.log(rate) + 0.7 * math.log(1 - rate) + math.log(normaliser)
    yield Case("ln p(0.3) at a logit of 2, nats", head(2 * torch.ones(1, 1).double()).log_prob(x).item(), truth, 1e-6)


def discretised_logistic() -> Iterator[Case]:
    """The 256 probabilities sum to 1 wherever the centre is."""
    levels = torch.arange(256, dtype=torch.float64)[:, None] / 255
    for raw in (-4.0, 0.0, 0.7, 9.0):
        yield Case(f"Σ of 256 levels at {raw:g}", mass("discretised-logistic", levels, raw), 1.0, 1e-6)
