"""Theory of the ladder VAE: a linear hierarchy of two levels, whose ln p(x) and posterior are Gaussian."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.distributions import Normal

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.hierarchical.ladder import merge
from genzoo_plugins.hierarchical.ladder_vae import LadderVAE

A, B, C, D, S = 0.9, 0.3, 1.7, -0.5, 0.6
"""z₂ ~ N(0, 1), z₁ ~ N(A z₂ + B, S²) and x ~ N(C z₁ + D, 1)."""
VARIANCE = C**2 * (A**2 + S**2) + 1
"""Variance of x."""


@torch.no_grad()
def linear(shift: float = 0.0) -> LadderVAE:
    """Return that hierarchy with the exact posterior, or with one that is off by `shift`."""
    config = LadderVAE.Config(latent_dims=(1, 1), hidden=(1,), top_hidden=())
    model = LadderVAE(genzoo.DataSpec((1,), "gaussian", size=1000), config)
    model.add_module("features", nn.Flatten(1))
    model.add_module("decoder", nn.Linear(1, 1))
    gain, rest = A * C / VARIANCE, math.log(1 - (A * C) ** 2 / VARIANCE)
    weights = {
        "down.0": ([A, 0.0], [B, 2 * math.log(S)]),
        "decoder": ([C], [D]),
        "evidence": ([1 / C, 0.0], [-D / C + shift, -2 * math.log(C) + shift]),
        "up.0": ([gain, 0.0], [-gain * (C * B + D) - shift, rest + shift]),
    }
    model = model.double()
    for name, (weight, bias) in weights.items():
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        layer.weight.copy_(torch.tensor(weight, dtype=torch.float64)[:, None])
        layer.bias.copy_(torch.tensor(bias, dtype=torch.float64))
    return model


@torch.no_grad()
def ladder_vae() -> Iterator[Case]:
    """With the exact posterior every sample's weight is p(x); with another the bound is below it."""
    with genzoo.seeded(0):
        x = 2 * torch.randn(6, 1, dtype=torch.float64)
    truth = Normal(C * B + D, math.sqrt(VARIANCE)).log_prob(x).sum(1)
    yield Case.largest("ln p(x, z₁, z₂) − ln q(z₁, z₂|x): ln p(x), nats", log_weights(linear(), x, 50), truth, 1e-6)
    off = linear(0.7)
    with genzoo.seeded(1):
        inference = off.infer(genzoo.Batch(x), 20_000)
    costs = (inference.kl() - inference.px.log_prob(x)).mean(1)
    yield Case.mean("−ELBO of another posterior is at least −ln p(x), nats", costs, -truth.mean().item(), True)
    weights = log_weights(off, x, 40_000)
    bound = weights.logsumexp(0) - math.log(len(weights))
    yield Case.largest("L_40000 of that posterior: ln p(x), nats", bound, truth, 0.06)
    yield Case.mean("−E ln weight: −ELBO, nats", -weights.mean(1), costs.mean().item(), errors=15.0)
    yield from merged()


def log_weights(model: LadderVAE, x: Tensor, k: int) -> Tensor:
    """Return ln p(x|z) p(z) / q(z|x), [K, B], with seed 2."""
    with genzoo.seeded(2):
        q, p, z, px = model.infer(genzoo.Batch(x), k)
    assert p is not None
    return px.log_prob(x) + p.log_prob(z) - q.log_prob(z)


def merged() -> Iterator[Case]:
    """ln N₁ + ln N₂ − ln N of the merged evidence is the logarithm of ∫ N₁ N₂, whatever z is."""
    with genzoo.seeded(0):
        numbers = torch.randn(4, 3, dtype=torch.float64)
        z = 3 * torch.randn(100, 3, dtype=torch.float64)
    one, other = genzoo.DiagGaussian(numbers[0], numbers[1]), genzoo.DiagGaussian(numbers[2], numbers[3])
    rest = one.log_prob(z) + other.log_prob(z) - merge(one, other).log_prob(z)
    integral = Normal(one.mean, (one.variance + other.variance).sqrt()).log_prob(other.mean).sum()
    yield Case.largest("ln ∫ N₁ N₂ of the merged levels, nats", rest, integral, 1e-9)
