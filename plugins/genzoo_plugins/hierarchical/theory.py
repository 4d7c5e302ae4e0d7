"""What theory says of ladders of Gaussians: the densities of linear ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal

import genzoo
from genzoo.core.noise import seeded
from genzoo.core.theory import Case
from genzoo_plugins.hierarchical.ladder import merge
from genzoo_plugins.hierarchical.ladder_vae import LadderVAE

NOISE = 0.7
"""Standard deviation of each level given the one above."""


def linear(dims: tuple[int, ...], size: int) -> tuple[LadderVAE, list[Tensor]]:
    """Return a ladder whose generative nets are linear, and their weights: of z₁ given z₂, …, and of x given z₁."""
    with seeded(0):
        config = LadderVAE.Config(latent_dims=dims, hidden=(size,), top_hidden=())
        model = LadderVAE(genzoo.DataSpec((size,), "gaussian"), config)
        model.features = nn.Sequential(nn.Identity())
        downs: list[Any] = [model.down, *(rung.down for rung in model.between())]
        weights = [0.7 * torch.randn(own, above) for own, above in itertools.pairwise(dims)]
        weights.append(0.7 * torch.randn(size, dims[0]))
        for down, weight in zip(downs, weights, strict=False):
            layer = down[0]
            layer.weight.data = torch.cat([weight, torch.zeros_like(weight)])
            layer.bias.data = torch.cat([torch.zeros(len(weight)), torch.full((len(weight),), 2 * math.log(NOISE))])
        model.decoder = nn.Linear(dims[0], size, bias=False)  # type: ignore[assignment]
        model.decoder.weight.data = weights[-1]
        return model, weights


def train_posterior(model: LadderVAE, x: Tensor) -> None:
    """Train q(z|x) alone, 150 steps on points x [N, D]."""
    parts = [model.evidence, model.up, *(nn.ModuleList([rung.features, rung.evidence]) for rung in model.between())]
    optimizer = torch.optim.Adam([p for part in parts for p in part.parameters()], 0.03)
    rate = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 150)
    for _ in range(150):
        inference = model.infer(genzoo.Batch(x))
        optimizer.zero_grad()
        (inference.kl() - inference.px.log_prob(x)[0]).mean().backward()
        optimizer.step()
        rate.step()


@torch.no_grad()
def ladder_vae() -> Iterator[Case]:
    """Linear ladders of two and three levels: ln p(z) is that of one Gaussian over all levels, and the
    importance-weighted bound tends to ln p(x) from below."""
    for dims in ((2, 1), (2, 2, 1)):
        model, weights = linear(dims, 3)
        levels = len(dims)
        with seeded(1):
            z = model.prior().rsample((100_000,))
        covariance = torch.eye(dims[-1])
        cross = [covariance]  # of z_l, z_{l+1}, … with each other, from the top down
        whole = covariance
        for level in reversed(range(levels - 1)):
            weight = torch.cat([weights[level], torch.zeros(dims[level], len(whole) - dims[level + 1])], 1)
            upper = weight @ whole
            own = upper @ weight.T + NOISE**2 * torch.eye(dims[level])
            whole = torch.cat([torch.cat([own, upper], 1), torch.cat([upper.T, whole], 1)])
            cross.append(own)
        exact = MultivariateNormal(torch.zeros(len(whole)), whole).log_prob(z).mean().item()
        yield Case(f"ln p(z) of {levels} levels, nats", model.prior().log_prob(z).mean().item(), exact, 1e-3)
        evidence = weights[-1] @ cross[-1] @ weights[-1].T + torch.eye(3)
        with seeded(3):
            x = MultivariateNormal(torch.zeros(3), evidence).sample((60,))
        truth = MultivariateNormal(torch.zeros(3), evidence).log_prob(x)
        with seeded(2):
            with torch.enable_grad():
                train_posterior(model, x)
            inference = model.infer(genzoo.Batch(x), 2000)
        assert inference.p is not None
        ratios = inference.p.log_prob(inference.z) - inference.q.log_prob(inference.z)
        weighted = inference.px.log_prob(x) + ratios
        found = (weighted.logsumexp(0) - math.log(len(weighted))).mean().item()
        yield Case(f"L_2000 of {levels} levels is ln p(x), nats", found, truth.mean().item(), 0.03)
        gap = (truth - weighted.mean(0)).mean().item()
        yield Case(f"ln p(x) − ELBO of {levels} levels, nats", gap, 0.0, 0.0, one_sided=True)
        kl = inference.kl().mean().item()
        yield Case(f"KL of {levels} levels, and from samples, nats", kl, -ratios.mean().item(), 0.03)
    yield from merged()


@torch.no_grad()
def merged() -> Iterator[Case]:
    """ln N₁ + ln N₂ − ln N of the merged evidence is the logarithm of ∫ N₁ N₂, whatever z is."""
    with seeded(0):
        numbers = torch.randn(4, 3, dtype=torch.float64)
        z = 3 * torch.randn(100, 3, dtype=torch.float64)
    one, other = genzoo.DiagGaussian(numbers[0], numbers[1]), genzoo.DiagGaussian(numbers[2], numbers[3])
    rest = one.log_prob(z) + other.log_prob(z) - merge(one, other).log_prob(z)
    integral = Normal(one.mean, (one.variance + other.variance).sqrt()).log_prob(other.mean).sum()
    yield Case.largest("ln ∫ N₁ N₂ of the merged levels, nats", rest, integral, 1e-9)
