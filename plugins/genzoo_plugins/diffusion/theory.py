"""Theory of diffusion and flow matching: for Gaussian data N(m, s²) every optimum is known in closed form.

The models write that optimum into the code and let a net learn the difference, so a silent net is the optimal one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.diffusion import ddpm
from genzoo_plugins.diffusion import vdm as vdm_module
from genzoo_plugins.diffusion.base import NoiseToData, of_examples
from genzoo_plugins.diffusion.ddpm import DDPM, DDPMLoss
from genzoo_plugins.diffusion.edm import EDM, LEAST, MOST, EDMLoss
from genzoo_plugins.diffusion.flow_matching import FlowMatching, FlowMatchingLoss, transport
from genzoo_plugins.diffusion.guided import GuidedFlowMatching
from genzoo_plugins.diffusion.vdm import VDM

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
        return float(made(model, genzoo.Batch(x), torch.tensor(0))["loss"])


def order(coarse: float, fine: float) -> float:
    """Return the order of a solver from its errors with h and h/2."""
    return math.log2(coarse / fine)


class Fixed:
    """A source that always gives the same noise."""

    def __init__(self, noise: Tensor) -> None:
        self.noise = noise

    def rsample(self, shape: tuple[int, ...]) -> Tensor:
        return self.noise

    @classmethod
    def replace(cls, model: NoiseToData, noise: list[list[float]]) -> None:
        """Let a model draw this noise [n, F]."""
        fixed: Any = cls(torch.tensor(noise, dtype=torch.float64))
        model.source = lambda: fixed  # type: ignore[method-assign]


def signs() -> tuple[Tensor, Tensor]:
    """Return data and noise one deviation off in all combinations, [4, 1] float64 each.

    Means over them of polynomials of second degree are those over independent N(0, 1).
    """
    pairs = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=2))).double()
    return pairs[:, :1], pairs[:, 1:]


@contextmanager
def given(module: ModuleType, noise: Tensor) -> Iterator[None]:
    """Let the functions of a module draw this noise, in place of their examples' own."""
    own, module.standard_normal = module.standard_normal, lambda shape, like: noise  # type: ignore[attr-defined]
    try:
        yield
    finally:
        module.standard_normal = own  # type: ignore[attr-defined]


def entropy(deviation: float) -> float:
    """Return that of N(m, s²) in nats."""
    return math.log(2 * math.pi * math.e * deviation**2) / 2


@torch.no_grad()
def denoising() -> Iterator[Case]:
    """The bound is the entropy for every T with the exact variance, and off by a known number with β̃; the least of each
    squared error."""
    s, (x, noise) = 0.5, signs()
    for timesteps, gap in ((10, 5.390), (100, 1.250), (1000, 0.456)):
        model = optimal(DDPM, 0, s, timesteps=timesteps)
        exact, small = (DDPM.Sampling(steps=timesteps, variance=variance) for variance in ("large", "small"))
        for how, truth, tolerance in ((exact, 0.0, 1e-9), (small, gap, 1e-3)):
            model.sampling = how
            with given(ddpm, noise):
                found = -model.log_prob(s * x).mean().item() - entropy(s)
            yield Case(f"bound − entropy, T = {timesteps}, {how.variance} variance, N(0, ¼)", found, truth, tolerance)
    power = torch.tensor(model.schedule[1:]).double()
    total = power * s**2 + 1 - power
    least: dict[str, Tensor] = {"eps": power, "x0": 1 - power, "v": torch.ones(())}  # times s²/V_t
    for predict, share in least.items():
        truth = (share * s**2 / total).mean().item()
        found = loss_of(DDPMLoss, model, gaussian(0, s), predict=predict)
        yield Case(f"loss of the optimal prediction, --predict {predict}", found, truth, 0.03 * truth)


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
    Fixed.replace(model, [[1.5]])
    for steps in (40, 80):
        ended = mean + s * math.sqrt(1 + LEAST**2) * 1.5  # of the flow from MOST to LEAST; the last step is D
        truth = mean + (ended - mean) / (1 + LEAST**2)
        errors.append(abs(model.sample(1, options=EDM.Sampling(steps=steps)).item() - truth))
    yield Case(f"order of Heun's method from σ/s = {MOST:g}", order(*errors), 2, 0.1)


@torch.no_grad()
def flow_matching() -> Iterator[Case]:
    """The Gaussian field and what it costs, optimal transport of numbers by sorting, and straight lines by reflow."""
    mean, s = 1.5, 0.5
    model = optimal(FlowMatching, mean, s)
    data = gaussian(mean, s)
    # E Var(x₁ − x₀ | x_t) = ∫ s²/V dt with V = (1 − t)² + t²s² is s·π/2.
    tolerance = 5 * 1.5 / math.sqrt(MANY)
    yield Case(
        "loss of the optimal field, N(1.5, ¼)", loss_of(FlowMatchingLoss, model, data), s * math.pi / 2, tolerance
    )
    errors = []
    for steps in (80, 160):
        how = FlowMatching.Sampling(steps=steps, solver="heun")
        errors.append(abs(model.transported(torch.ones(1, 1).double(), None, how).item() - (mean + s)))
    yield Case("order of Heun's method", order(*errors), 2, 0.1)
    x, noise = torch.randn(2, 100, 1)
    pairs = transport(x, noise)
    cost, least = (x - noise[pairs]).square().sum(), (x.sort(0).values - noise.sort(0).values).square().sum()
    yield Case("transport of 100 numbers over that by sorting", (cost / least).item(), 1, 1e-4)
    yield Case("examples of the noise that are paired once, of 100", float(len(pairs.unique())), 100, 0)
    x, noise = torch.randn(2, 6, 2)
    orders = torch.tensor(list(itertools.permutations(range(6))))
    least = (x - noise[orders]).square().sum((1, 2)).min()
    yield Case(
        "transport of 6 points over the least of 720",
        ((x - noise[transport(x, noise)]).square().sum() / least).item(),
        1,
        0.1,
    )
    loss = FlowMatchingLoss(straight := optimal(Straight, mean, s), FlowMatchingLoss.Config())
    loss.teacher = model
    model.sampling = FlowMatching.Sampling(steps=200)
    left = loss(straight, genzoo.Batch(data[:1000]), torch.tensor(0))["loss"].item()
    yield Case("loss of straight lines on pairs of reflow", left, 0, 1e-6)


class Straight(FlowMatching):
    """The lines from x₀ to m + s·x₀."""

    def velocity(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        t = t[:, None]
        return self.mean + (self.deviation - 1) * (x - t * self.mean) / (1 - t + t * self.deviation)


class TwoGaussians(GuidedFlowMatching):
    """The optimal field of N(m, s²), and of N(m ± 1, s²) for the classes 1 and 0."""

    def velocity(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        shift = 0.0 if y is None else of_examples(2.0 * y - 1, x)
        time = of_examples(t, x)
        return super().velocity(x - time * shift, t) + shift


@torch.no_grad()
def guidance() -> Iterator[Case]:
    """Of Gaussians of one deviation s, guidance w moves the mean of class y to m + w·(m_y − m), and leaves s."""
    mean, s = 1.5, 0.5
    spec = genzoo.DataSpec((1,), "gaussian", classes=2)
    model = TwoGaussians(spec, TwoGaussians.Config(**SMALL)).double().eval()
    model.mean.fill_(mean)
    model.deviation.fill_(s)
    silence(model)
    y = torch.tensor([0, 0, 1, 1])
    Fixed.replace(model, [[-1.0], [1.0], [-1.0], [1.0]])
    for weight in (0.0, 1.0, 3.0):
        how = TwoGaussians.Sampling(steps=50, guidance=weight)
        drawn = model.sample(4, y, options=how).view(2, 2)
        for of_class, (low, high) in enumerate(drawn.tolist()):
            truth = mean + weight * (2 * of_class - 1)
            yield Case(f"mean of class {of_class} with guidance {weight:g}", (low + high) / 2, truth, 1e-4)
            yield Case(f"deviation of class {of_class} with guidance {weight:g}", (high - low) / 2, s, 1e-4)


@torch.no_grad()
def vdm() -> Iterator[Case]:
    """The integral is ½ ln((1 + s²b)/(1 + s²a)) for signal-to-noise ratios from a to b (Guo et al. 2005, I-MMSE); with
    both ends the bound is the entropy."""
    s, (x, noise) = 0.5, signs()
    model = optimal(VDM, 1.0, s)
    grid = (torch.arange(2000).double()[:, None] + 0.5) / 2000
    for low, high in ((1e-2, 1e4), (1.0, 50.0)):
        least, most = -math.log(high * s**2), -math.log(low * s**2)  # γ relative to the data's variance
        model.low.fill_(least)
        model.log_width.fill_(math.log(most - least))
        with given(vdm_module, noise.expand(2001, 4, 1)):
            reconstruction, prior, slopes = model.terms(x, grid.expand(-1, 4))
        integral = slopes.mean().item()
        truth = math.log((1 + s**2 * high) / (1 + s**2 * low)) / 2
        yield Case(f"integral from {low:g} to {high:g}, N(1, ¼), nats", integral, truth, 1e-6)
        bound = (reconstruction + prior).mean().item() + integral + math.log(s)
        yield Case(f"bound with ends {low:g} and {high:g} − entropy, nats", bound - entropy(s), 0, 1e-6)
    values = -model.log_prob(gaussian(1.0, s, 20_000))
    yield Case.mean("−E log_prob of the optimal net: entropy, nats", values, entropy(s))
    wrong = VDM(genzoo.DataSpec((1,), "gaussian"), VDM.Config(**SMALL)).double()
    wrong.mean.fill_(1.0)
    wrong.deviation.fill_(s)
    values = -wrong.log_prob(gaussian(1.0, s, 5000))
    yield Case.mean("−E bound of an untrained net, nats", values, entropy(s), one_sided=True, errors=4.0)
