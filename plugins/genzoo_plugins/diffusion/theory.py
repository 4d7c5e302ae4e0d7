"""Theory of diffusion and flow matching: for Gaussian data N(m, s²) every optimum is known in closed form.

The models write that optimum into the code and let a net learn the difference, so a silent net is the optimal one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.diffusion.base import NoiseToData
from genzoo_plugins.diffusion.edm import EDM, LEAST, MOST, EDMLoss

M = TypeVar("M", bound=NoiseToData)
MANY = 50_000
"""Examples of a mean over random draws."""
SMALL: dict[str, Any] = {"width": 8, "depth": 1}
"""Options of a net whose answer does not matter."""


def optimal(cls: type[M], mean: float, deviation: float, values: int = 1, **options: Any) -> M:
    """Return the optimal model of N(mean, deviation²I) in float64: its net is silent."""
    model = cls(genzoo.DataSpec((values,), "gaussian"), cls.Config(**{**SMALL, **options})).double().eval()
    model.mean.fill_(mean)
    model.deviation.fill_(deviation)
    silence(model)
    return model


def silence(model: nn.Module) -> None:
    """Set the last layers of all nets of a model to 0."""
    for name, parameter in model.named_parameters():
        if "last." in name:
            nn.init.zeros_(parameter)


def gaussian(mean: float, deviation: float, n: int = MANY) -> Tensor:
    """Return n draws of N(mean, deviation²), [n, 1] float64."""
    return mean + deviation * torch.randn(n, 1, dtype=torch.float64)


def loss_of(loss: type[genzoo.Loss], model: genzoo.Model, x: Tensor, **options: Any) -> float:
    """Return a loss on x [n, *S] with its own noise."""
    with torch.no_grad():
        made = loss(model, loss.Config(**options))
        return made(model, genzoo.Batch(x), torch.tensor(0))["loss"].item()


def order(coarse: float, fine: float) -> float:
    """Return the order of a solver from its errors with h and h/2."""
    return math.log2(coarse / fine)


class Fixed:
    """A source that always gives the same noise."""

    def __init__(self, noise: Tensor) -> None:
        self.noise = noise

    def rsample(self, shape: tuple[int, ...]) -> Tensor:
        return self.noise


@torch.no_grad()
def edm() -> Iterator[Case]:
    """D* = (s²x + σ²m)/(s² + σ²), targets of variance 1 for data of any scale, and Heun's order."""
    mean, s = 10.0, 3.0
    model, x = optimal(EDM, mean, s), torch.tensor([[4.0]]).double()
    for sigma in (0.05, 3.0, 100.0):
        truth = (s**2 * 4.0 + sigma**2 * mean) / (s**2 + sigma**2)
        yield Case(
            f"D(4; {sigma}), data N(10, 9)", model.denoise(x, torch.tensor([sigma]).double()).item(), truth, 1e-9
        )
    spread = math.sqrt(2 / MANY)
    yield Case(
        "variance of the net's targets, data N(10, 9)", loss_of(EDMLoss, model, gaussian(mean, s)), 1, 5 * spread
    )
    errors = []
    for steps in (40, 80):
        start = torch.tensor([[1.5]]).double()
        model.source = lambda start=start: Fixed(start)  # type: ignore[method-assign]
        ended = mean + s * math.sqrt(1 + LEAST**2) * 1.5  # of the flow from MOST to LEAST; the last step is D
        truth = mean + (ended - mean) / (1 + LEAST**2)
        errors.append(abs(model.sample(1, options=EDM.Sampling(steps=steps)).item() - truth))
    yield Case(f"order of Heun's method from σ/s = {MOST:g}", order(*errors), 2, 0.1)
