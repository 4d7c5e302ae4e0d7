"""Theory of adversarial losses: critics of N(0, 1) and N(δ, 1) that are best, with their values by quadrature."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.adversarial.gan import Adversarial, Game, Generator
from genzoo_plugins.adversarial.wasserstein import Wasserstein

SHIFT, COUNT, STEP = 1.5, 40_000, torch.tensor(0)


def shifted(
    loss_class: type[Game], slope: float, offset: float, **options: Any
) -> tuple[Generator, Game, genzoo.Batch]:
    """Return a generator of N(δ, 1), a loss with the critic slope·x + offset, and examples of N(0, 1)."""
    with genzoo.seeded(0):
        model = Generator(genzoo.DataSpec((1,), "gaussian", size=1000), Generator.Config(latent_dim=1, hidden=()))
        loss = loss_class(model, loss_class.Config(critic=(), **options))
        model, loss = model.double(), loss.double()
        x = torch.randn(COUNT, 1, dtype=torch.float64)
    for net, weight, bias in ((model.net, 1.0, SHIFT), (loss.critic, slope, offset)):
        layer = linear_of(net)
        torch.nn.init.constant_(layer.weight, weight)
        torch.nn.init.constant_(layer.bias, bias)
    return model, loss, genzoo.Batch(x)


def linear_of(net: torch.nn.Module) -> torch.nn.Linear:
    """Return the only linear layer of a net."""
    (layer,) = (one for one in net.modules() if isinstance(one, torch.nn.Linear))
    return layer


def terms_of(model: Generator, loss: Game, batch: genzoo.Batch, phase: int) -> dict[str, Tensor]:
    """Return the terms of a phase with seed 1."""
    with genzoo.seeded(1):
        terms: dict[str, Tensor] = loss(model, batch, STEP, phase)
    return terms


def gan() -> Iterator[Case]:
    """The best critic is ln p − ln g = ½δ² − δx; its cross-entropy is 2 ln 2 − 2 JS(p, g)."""
    model, loss, batch = shifted(Adversarial, -SHIFT, SHIFT**2 / 2)
    grid = torch.linspace(-12, 14, 20_001, dtype=torch.float64)
    p, g = (torch.distributions.Normal(at, 1.0).log_prob(grid) for at in (0.0, SHIFT))
    mixed = torch.logaddexp(p, g)
    entropy = torch.trapezoid(-(p.exp() * (p - mixed) + g.exp() * (g - mixed)), grid).item()
    terms = terms_of(model, loss, batch, 0)
    yield Case("cross-entropy of the best critic: by quadrature, nats", terms["critic"].item(), entropy, 0.015)
    slopes = torch.autograd.grad(terms["critic"], list(loss.parameters()))
    yield Case.largest("gradient of the best critic", torch.cat([slope.flatten() for slope in slopes]), 0.0, 0.015)
    generator = torch.trapezoid(-g.exp() * (p - mixed), grid).item()
    found = terms_of(model, loss, batch, 1)["generator"].item()
    yield Case("−E ln D(G(z)): by quadrature, nats", found, generator, 0.03)
    model, loss, batch = shifted(Adversarial, 0.0, 0.0)
    yield Case(
        "a critic at chance: 2 ln 2, nats", terms_of(model, loss, batch, 0)["critic"].item(), 2 * math.log(2), 1e-9
    )
    yield Case("the generator then: ln 2, nats", terms_of(model, loss, batch, 1)["generator"].item(), math.log(2), 1e-9)
    yield from other_objectives()


def other_objectives() -> Iterator[Case]:
    """The best linear critic of squared errors is the regression of the labels on x; hinges are flat at chance."""
    share = SHIFT**2 / 4
    slope = -SHIFT / 4 / (1 + share)
    model, loss, batch = shifted(Adversarial, slope, 0.5 - slope * SHIFT / 2, objective="least-squares")
    terms = terms_of(model, loss, batch, 0)
    yield Case("squared errors of the best linear critic: 1/(4 + δ²)", terms["critic"].item(), 0.25 / (1 + share), 2e-3)
    slopes = torch.cat([part.flatten() for part in torch.autograd.grad(terms["critic"], list(loss.parameters()))])
    yield Case.largest("gradient of that critic", slopes, 0.0, 0.015)
    residual = 0.5 * (slope**2 + (slope * SHIFT / 2 - 0.5) ** 2)
    found = terms_of(model, loss, batch, 1)["generator"].item()
    yield Case("½E(D(G(z)) − 1)² then", found, residual, 0.01)
    model, loss, batch = shifted(Adversarial, 0.0, 0.25, objective="hinge")
    yield Case("hinges of a critic at chance", terms_of(model, loss, batch, 0)["critic"].item(), 2.0, 1e-9)
    yield Case("the generator then: −D", terms_of(model, loss, batch, 1)["generator"].item(), -0.25, 1e-9)


def wgan_gp() -> Iterator[Case]:
    """max_w wδ − λ(|w| − 1)² is δ + δ²/4λ = 1.55625 at |w| = 1 + δ/2λ, for λ = 10."""
    model, loss, batch = shifted(Wasserstein, -(1 + SHIFT / 20), 0.3)
    terms = terms_of(model, loss, batch, 0)
    best = -terms["critic"].item()
    yield Case("value of the best linear critic: δ + δ²/4λ", best, SHIFT + SHIFT**2 / 40, 0.04)
    yield Case("penalty: (|w| − 1)²", terms["penalty"].item(), (SHIFT / 20) ** 2, 1e-9)
    (slope,) = torch.autograd.grad(terms["critic"], linear_of(loss.critic).weight)
    yield Case("slope of the loss there", slope.item(), 0.0, 0.04)
    (moved,) = torch.autograd.grad(terms_of(model, loss, batch, 1)["generator"], linear_of(model.net).bias)
    yield Case("gradient of the generator's shift: |w|", moved.item(), 1 + SHIFT / 20, 1e-9)
    assert isinstance(loss, Wasserstein)
    loss.critic = Square()  # type: ignore[assignment]
    with genzoo.seeded(2):
        found = loss.penalty(torch.zeros(COUNT, 1), torch.ones(COUNT, 1)).item()
    yield Case("penalty of x² between 0 and 1: E(2u − 1)² = ⅓", found, 1 / 3, 0.008)


class Square(torch.nn.Module):
    """The critic |x|²."""

    def forward(self, x: Tensor) -> Tensor:
        return x.square().sum(1, keepdim=True)
