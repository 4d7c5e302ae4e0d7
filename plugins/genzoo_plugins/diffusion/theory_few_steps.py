"""Theory of models that draw samples in one or a few steps, on Gaussian data N(m, s²)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.diffusion.consistency import Consistency, ConsistencyLoss
from genzoo_plugins.diffusion.edm import LEAST, MOST, noise_levels
from genzoo_plugins.diffusion.meanflow import MeanFlow, MeanFlowLoss
from genzoo_plugins.diffusion.theory import MANY, SMALL, Fixed, optimal, signs


@torch.no_grad()
def consistency() -> Iterator[Case]:
    """f* = m + (x − m)·s/√(s² + σ²), f(x, least noise) = x for any net, and the law of the levels in training."""
    mean, s = 1.5, 0.5
    model, x = optimal(Consistency, mean, s), torch.tensor([[4.0]]).double()
    for level in (0.1, 1.0, 50.0):
        truth = mean + (4.0 - mean) / math.sqrt(1 + level**2)
        yield Case(f"f(4, {level:g}·s), N(1.5, ¼)", model.jump(x, x.new_tensor([level])).item(), truth, 1e-4)
    anything = Consistency(genzoo.DataSpec((3,), "gaussian"), Consistency.Config(**SMALL))
    x = torch.randn(100, 3)
    moved = (anything.jump(x, torch.full((100,), LEAST)) - x).abs().max().item()
    yield Case("change by f at the least noise, any net", moved, 0, 0)
    for steps in (1, 3):
        drawn = model.sample(MANY, options=Consistency.Sampling(steps=steps))
        yield Case(f"mean of samples in {steps} steps", drawn.mean().item(), mean, 0.01)
        yield Case(f"deviation of samples in {steps} steps", drawn.std().item(), s, 0.01)
    yield from levels(model)


def levels(model: Consistency) -> Iterator[Case]:
    """The probability of each of few levels is a difference of error functions (Song & Dhariwal 2024, section 3.5); the
    median of many is that of the log-normal law."""
    loss = ConsistencyLoss(model, ConsistencyLoss.Config(fewest=6, most=768))
    loss.begin(model, 8)
    u = ((torch.arange(40_000) + 0.5) / 40_000).double()
    lower, _ = loss.levels(u, torch.tensor(0))
    ends = torch.tensor(noise_levels(7)[:-1]).double().flip(0)
    cumulative = torch.erf((ends.log() + 0.4) / (math.sqrt(2) * 2.0))
    truth = cumulative.diff() / cumulative.diff().sum()
    nearest = (lower[:, None] - ends[:-1]).abs().argmin(1)
    for number in (0, 2, 4):
        found = (nearest == number).double().mean().item()
        yield Case(f"probability of level {number} of 6", found, truth[number].item(), 1e-4)
    lower, upper = loss.levels(torch.tensor([0.5]).double(), torch.tensor(7))
    yield Case("median of σ/s in training", (lower * upper).sqrt().item(), math.exp(-0.4), 0.01)
    yield Case("least of σ/s in training", loss.levels(torch.zeros(1).double(), torch.tensor(7))[0].item(), LEAST, 1e-9)
    yield Case("largest of σ/s in training", loss.levels(torch.ones(1).double(), torch.tensor(7))[1].item(), MOST, 1e-6)


@torch.no_grad()
def meanflow() -> Iterator[Case]:
    """u* = (z − z_r)/(t − r) with z_r = (1 − r)m + σ_r(z − (1 − t)m)/σ_t; there the loss has no slope, and one step
    draws the data."""
    mean, s, z = 1.5, 0.5, 0.7
    model, (x, noise) = optimal(MeanFlow, mean, s), signs()
    loss = MeanFlowLoss(model, MeanFlowLoss.Config())
    for r, t in ((0.0, 1.0), (0.2, 0.9), (0.3, 0.31)):
        before, after = (math.sqrt((1 - time) ** 2 * s**2 + time**2) for time in (r, t))
        truth = (z - (1 - r) * mean - before * (z - (1 - t) * mean) / after) / (t - r)
        times = [x.new_full((4,), time) for time in (r, t)]
        found = model.mean_velocity(x.new_full((4, 1), z), *times)[0].item()
        yield Case(f"u({z}, {r}, {t}), N(1.5, ¼)", found, truth, 1e-9)
        error = loss.error(model, mean + s * x, noise, *times)
        path = (1 - t) * s * x + t * noise
        yield Case(f"mean error at the optimum, r = {r}, t = {t}", error.mean().item(), 0, 1e-9)
        yield Case(f"… times the place, r = {r}, t = {t}", (error * path).mean().item(), 0, 1e-9)
    Fixed.replace(model, [[-2.0], [2.0]])
    for steps in (1, 4):
        low, high = model.sample(2, options=MeanFlow.Sampling(steps=steps)).flatten().tolist()
        yield Case(f"mean of samples in {steps} steps", (low + high) / 2, mean, 1e-9)
        yield Case(f"deviation of samples in {steps} steps", (high - low) / 4, s, 1e-9)
