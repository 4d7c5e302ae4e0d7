"""Theory of energy-based models: the variance of Langevin steps, and ln Z by quadrature."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.energy.ebm import EBM, PersistentContrastive, langevin

STEP = torch.tensor(0)
COUNT = 4000
CORRELATION = 0.8
CLOSED = 0.25
"""What the short training must leave of the gap, in nats."""


def ebm() -> Iterator[Case]:
    """Langevin steps of a Gaussian have variance 1/(k(1 − hk/4)); the gradient is that of ln p by quadrature."""
    yield from of_langevin()
    yield from of_gradient()
    yield from on_known_density()


def of_gaussian(k: float, x: Tensor) -> Tensor:
    """Return ln p(x) of N(0, 1/k) up to a constant, for x [N, 1]: [N]."""
    return -k / 2 * x.square().sum(1)


def of_langevin() -> Iterator[Case]:
    """On N(0, 1/k) the variance of steps of size h is T/(k(1 − hk/4)); noise of another size is another temperature."""
    with genzoo.seeded(0):
        for k, size, temperature in ((1.0, 0.5, 1.0), (4.0, 0.25, 1.0), (1.0, 0.5, 0.25)):
            x = langevin(partial(of_gaussian, k), torch.zeros(COUNT, 1), 40, size, temperature)
            name = f"variance of Langevin steps on N(0, 1/{k:g}), h = {size:g}, T = {temperature:g}: T/(k(1 − hk/4))"
            yield Case.mean(name, x.square().flatten(), temperature / (k * (1 - size * k / 4)))
        model = EBM(genzoo.DataSpec((3,), "gaussian", size=1000), EBM.Config(hidden=(), step_size=0.5))
        model.prepare(genzoo.Batch(2 * torch.randn(500, 3) + 5))
        for parameter in model.net.parameters():
            torch.nn.init.zeros_(parameter)
        x = model.sample(COUNT // 2)
    yield Case.mean("samples without a net: mean of the data", x.flatten(), model.mean.item())
    squares = ((x - model.mean) / model.deviation).square().flatten()
    yield Case.mean("samples without a net: variance for h = ½", squares, 1 / 0.875)


def of_gradient() -> Iterator[Case]:
    """With chains that are quantiles of p, the gradient of the loss is that of −ln p(x), with ln Z by quadrature."""
    with genzoo.seeded(0):
        model = EBM(genzoo.DataSpec((1,), "gaussian", size=1000), EBM.Config(hidden=(8,))).double()
        data = torch.randn(64, 1, dtype=torch.float64) + 0.5
        loss = PersistentContrastive(model, PersistentContrastive.Config(chains=COUNT, magnitude_weight=0.0)).double()
    grid = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    log_density = model.log_unnormalised(grid[:, None])
    log_partition = torch.trapezoid(log_density.exp(), grid).log()
    truth = torch.autograd.grad(
        log_partition - model.log_unnormalised(data).mean(), list(model.parameters()), allow_unused=True
    )
    share = torch.cumulative_trapezoid((log_density - log_partition).exp().detach(), grid)
    levels = (torch.arange(COUNT, dtype=torch.float64) + 0.5) / COUNT
    loss.chains.copy_(grid[torch.searchsorted(share, levels) + 1][:, None])
    found = torch.autograd.grad(
        loss(model, genzoo.Batch(data), STEP)["loss"], list(model.parameters()), allow_unused=True
    )
    pairs = [(one.flatten(), other.flatten()) for one, other in zip(found, truth, strict=True) if other is not None]
    one, other = (torch.cat(side) for side in zip(*pairs, strict=True))
    yield Case.largest("gradient of the loss, from that of −ln p(x) by quadrature", one, other, 2e-3)


def on_known_density() -> Iterator[Case]:
    """Yield the gap of a model to a Gaussian of correlation 0.8 after a short training: never below 0.

    Without a net it is −½ ln(1 − 0.8²) = 0.51 nats.
    """
    with genzoo.seeded(0):
        noise = torch.randn(8192, 2)
        x = torch.stack([noise[:, 0], CORRELATION * noise[:, 0] + math.sqrt(1 - CORRELATION**2) * noise[:, 1]], 1)
        model = trained(genzoo.DataSpec((2,), "gaussian", size=4096), x[:4096])
    test = x[4096:]
    covariance = torch.tensor([[1.0, CORRELATION], [CORRELATION, 1.0]])
    truth = torch.distributions.MultivariateNormal(torch.zeros(2), covariance).log_prob(test)
    with torch.no_grad():
        gap = truth - (model.log_unnormalised(test) - log_partition(model))
    yield Case.mean("correlated Gaussian: gap to the true ln p, nats, not below", gap, 0.0, one_sided=True, errors=4.0)
    yield Case("correlated Gaussian: minus the same gap, not below", -gap.mean().item(), -CLOSED, 0.0, one_sided=True)


def trained(spec: genzoo.DataSpec, x: Tensor, updates: int = 100) -> EBM:
    """Return a model after a short training on x [N, 2]."""
    model = EBM(spec, EBM.Config(hidden=(16,)))
    loss = PersistentContrastive(model, PersistentContrastive.Config(chains=128, chain_steps=5))
    with torch.no_grad():
        model.prepare(genzoo.Batch(x))
        loss.begin(model, updates)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for step in range(updates):
        batch = genzoo.Batch(x[step % 16 * 256 :][:256])
        optimizer.zero_grad()
        loss(model, batch, torch.tensor(step))["loss"].backward()
        optimizer.step()
        with torch.no_grad():
            loss.after_step(model, batch, torch.tensor(step))
    return model


@torch.no_grad()
def log_partition(model: EBM, half: float = 8.0, points: int = 201) -> Tensor:
    """Return ln Z of a model of two numbers, by quadrature within `half` deviations of the mean."""
    axis = torch.linspace(-half, half, points)
    plane = model.mean + model.deviation * torch.cartesian_prod(axis, axis)
    cell = (model.deviation * (axis[1] - axis[0])).square()
    return model.log_unnormalised(plane).double().logsumexp(0) + cell.log()
