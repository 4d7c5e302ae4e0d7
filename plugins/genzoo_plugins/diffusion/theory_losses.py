"""Theory of the losses of ddpm and flow matching on Gaussian data: the least they can be; and of the divergence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.diffusion.ddpm import DDPM, DDPMLoss
from genzoo_plugins.diffusion.flow_matching import FlowMatching, FlowMatchingLoss

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
