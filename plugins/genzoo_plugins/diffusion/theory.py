"""Theory of diffusion and of flow matching on Gaussian data, where every optimum is known in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.diffusion.ddpm import DDPM, DDPMLoss, signal_powers
from genzoo_plugins.diffusion.flow_matching import FlowMatching, FlowMatchingLoss
from genzoo_plugins.diffusion.solver import integrate

MEAN, DEVIATION = 1.5, 0.4
SPEC = genzoo.DataSpec((3,), "gaussian")
STEP = torch.tensor(0)


def optimal(kind: type[Any], **options: Any) -> Any:
    """Return the model that is best for N(MEAN, DEVIATION²): its net is silent."""
    with genzoo.seeded(0):
        model = kind(SPEC, kind.Config(width=8, depth=1, **options))
    for parameter in (model.net.last if kind is DDPM else model.last).parameters():
        torch.nn.init.zeros_(parameter)
    model.mean.fill_(MEAN)
    model.deviation.fill_(DEVIATION)
    return model.double().eval()


def gaussian(n: int) -> Tensor:
    """n examples, [n, 3]."""
    with genzoo.seeded(1):
        return MEAN + DEVIATION * torch.randn(n, 3, dtype=torch.float64)


@torch.no_grad()
def ddpm() -> Iterator[Case]:
    """With the exact variance of a step back the bound is the entropy, in any number of steps."""
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    powers = torch.tensor(signal_powers("linear", 1000)[1:], dtype=torch.float64)
    yield Case.largest("ᾱ_t of the linear schedule", powers, (1 - betas).cumprod(0), 1e-6)
    x = gaussian(20_000)
    for steps, variance in ((3, "large"), (10, "large"), (10, "small")):
        yield bound(x, steps, variance)  # type: ignore[arg-type]
    model, t = optimal(DDPM, timesteps=50), 20
    power = torch.tensor(model.schedule[t], dtype=torch.float64)
    with genzoo.seeded(2):
        noise = torch.randn_like(x)
    noisy = power.sqrt() * x + (1 - power).sqrt() * noise
    clean, found = model.predict(noisy, torch.full((len(x),), t), power.expand(len(x)))
    variance_of = power * DEVIATION**2 + 1 - power
    wanted = MEAN + power.sqrt() * DEVIATION**2 / variance_of * (noisy - power.sqrt() * MEAN)
    yield Case.largest("E[x₀ | x_t] of Gaussian data", clean, wanted, 1e-6)
    again = power.sqrt() * clean + (1 - power).sqrt() * found
    yield Case.largest("x_t = √ᾱ x₀ + √(1 − ᾱ) ε of the predictions", again, noisy, 1e-9)
    model.sampling = DDPM.Sampling(steps=5, variance="large")
    with genzoo.seeded(3):
        samples = model.sample(4000, noise=True)
    yield Case.mean("mean of samples in 5 steps", samples[:, 0], MEAN)
    yield Case.mean("their variance", (samples[:, 0] - MEAN).square(), DEVIATION**2)


def bound(x: Tensor, steps: int, variance: Literal["large", "small"]) -> Case:
    """E ln p(x) − bound: 0, or ½(r − 1 − ln r) in each dimension and step, r = exact / assumed variance."""
    model = optimal(DDPM, timesteps=1000)
    model.sampling = DDPM.Sampling(steps=steps, variance=variance)
    with genzoo.seeded(4):
        gaps = torch.distributions.Normal(MEAN, DEVIATION).log_prob(x).sum(1) - model.log_prob(x)
    ratios = [model.large_variance(step).item() / step.variance for step in model.steps(steps)[:-1]]
    gap = 1.5 * sum(r - 1 - math.log(r) for r in ratios) if variance == "small" else 0.0
    return Case.mean(f"E ln p(x) − bound in {steps} steps, {variance} variance, nats", gaps, gap)


@torch.no_grad()
def ddpm_loss() -> Iterator[Case]:
    """The least loss is E Var(ε | x_t) = E ᾱs²/(ᾱs² + 1 − ᾱ), averaged over t, in each dimension."""
    model, x = optimal(DDPM, timesteps=50), gaussian(40_000)
    powers = torch.tensor(model.schedule[1:], dtype=torch.float64)
    truth = (powers * DEVIATION**2 / (powers * DEVIATION**2 + 1 - powers)).mean().item()
    with genzoo.seeded(5):
        terms = DDPMLoss(model, DDPMLoss.Config())(model, genzoo.Batch(x), STEP)
    yield Case("least squared error of the noise", terms["loss"].item(), 3 * truth, 0.03)
    yield Case("the same for each dimension", terms["per_dim"].item(), truth, 0.01)
    model.deviation.mul_(1.3)
    with genzoo.seeded(5):
        worse = DDPMLoss(model, DDPMLoss.Config())(model, genzoo.Batch(x), STEP)["loss"].item()
    yield Case("no other prediction has a smaller one", worse - terms["loss"].item(), 0.0, 0.0, one_sided=True)


@torch.no_grad()
def flow_matching() -> Iterator[Case]:
    """The optimal velocity carries x₀ to tm + √((1 − t)² + t²s²) x₀."""
    model = optimal(FlowMatching)
    start = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None].expand(-1, 3)
    end = integrate(lambda x, t: model.velocity(x, x.new_full((9,), t)), start, 0, 0.7, 200, "midpoint")
    wanted = 0.7 * MEAN + math.hypot(0.3, 0.7 * DEVIATION) * start
    yield Case.largest("the flow at t = 0.7", end, wanted, 1e-4)
    x = gaussian(50)
    truth = torch.distributions.Normal(MEAN, DEVIATION).log_prob(x).sum(1)
    with torch.enable_grad():
        found = model.log_prob(x, steps=100).detach()
    yield Case.largest("ln p(x) by the change of variables, nats", found, truth, 5e-3)
    yield from solvers()


def solvers() -> Iterator[Case]:
    """dx/dt = x cos t has the solution exp(sin t): the error falls with the step to the solver's order."""
    one, end = torch.ones(1, dtype=torch.float64), math.exp(math.sin(2))
    for solver, order in (("euler", 1), ("midpoint", 2)):
        errors = [
            abs(integrate(lambda x, t: x * math.cos(t), one, 0, 2, steps, solver).item() - end)  # type: ignore[arg-type]
            for steps in (80, 160)
        ]
        yield Case(f"order of {solver}: log₂ of the errors' ratio", math.log2(errors[0] / errors[1]), order, 0.1)


@torch.no_grad()
def flow_matching_loss() -> Iterator[Case]:
    """∫₀¹ s²/((1 − t)² + t²s²) dt = πs/2 is the variance of x₁ − x₀ given x_t, averaged over t."""
    model, x = optimal(FlowMatching), gaussian(60_000)
    with genzoo.seeded(6):
        terms = FlowMatchingLoss(model, FlowMatchingLoss.Config())(model, genzoo.Batch(x), STEP)
    yield Case("least squared error of the velocity: 3πs/2", terms["loss"].item(), 1.5 * math.pi * DEVIATION, 0.04)
    yield Case("the same for each dimension", terms["per_dim"].item(), 0.5 * math.pi * DEVIATION, 0.014)


def flow_nll() -> Iterator[Case]:
    """The divergence of any velocity is the trace of its Jacobian."""
    with genzoo.seeded(0):
        model = FlowMatching(SPEC, FlowMatching.Config(width=8, depth=1)).double().eval()
    x = gaussian(3)
    _, divergence = model.with_divergence(x, 0.6)
    time = torch.tensor([0.6], dtype=torch.float64)
    for i in range(3):
        slopes = torch.autograd.functional.jacobian(lambda one: model.velocity(one[None], time)[0], x[i])
        yield Case(f"divergence of example {i}", divergence[i].item(), slopes.trace().item(), 1e-6)
