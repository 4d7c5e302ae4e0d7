"""What the numbers of flows are held against: autograd, quadrature, closed forms and data of known density."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.flows.flow import Flow
from genzoo_plugins.flows.glow import Glow, Invertible1x1
from genzoo_plugins.flows.layers import Autoregressive
from genzoo_plugins.flows.maf import MAF
from genzoo_plugins.flows.realnvp import RealNVP
from genzoo_plugins.flows.spline_flow import SplineFlow
from genzoo_plugins.flows.transforms import LARGEST, Affine, Spline

CLOSED = 1.2
"""What a short training must leave of the gap to a known density, in nats: half of that of one Gaussian."""
M = TypeVar("M", bound=nn.Module)


def realnvp() -> Iterator[Case]:
    """∫ p = 1, ln |det| is autograd's, the inverse inverts; never above a known density."""
    yield from of_any_flow(RealNVP, couplings=4, hidden=(16,))
    yield from on_known_density(RealNVP, "quadratic", couplings=4, hidden=(32,))


def nice() -> Iterator[Case]:
    """∫ p = 1, ln |det| is autograd's and 0 without scales, the inverse inverts; never above a known density."""
    options: dict[str, Any] = {"couplings": 4, "hidden": (16,), "coupling": "additive"}
    yield from of_any_flow(RealNVP, **options)
    bare = vectors(RealNVP, 3, act_norm=False, **options)
    yield Case("ln |det| of additive couplings", bare.to_noise(points(3))[1].abs().max().item(), 0.0, 0.0)
    yield from on_known_density(RealNVP, "quadratic", **options)


def maf() -> Iterator[Case]:
    """∫ p = 1, ln |det| is autograd's, the order is kept; linear conditionals reach a Gaussian's entropy (Cholesky)."""
    yield from of_any_flow(MAF, layers=2, hidden=(16,))
    yield linear_on_gaussian()
    layer = stirred(Autoregressive(4, 0, (16,), "tanh", Affine(2.0))).double()
    slopes = jacobian(lambda x: layer(x)[0].flip(-1), points(4)[0])
    yield Case("largest ∂y_i/∂x_j of a layer, j > i", slopes.triu(1).abs().max().item(), 0.0, 0.0)
    yield Case("numbers of ∂y_i/∂x_j that are not 0, j < i", float((slopes.tril(-1) != 0).sum()), 6.0, 0.0)
    yield from on_known_density(MAF, "quadratic", layers=3, hidden=(32,))


def linear_on_gaussian() -> Case:
    """Return the case of a linear layer on a Gaussian, which it can equal: y = L⁻¹(x − m) with Cholesky's L.

    Expectations are by Gauss–Hermite quadrature of five points an axis, which is exact for the gradient's polynomials.
    """
    lower = torch.tensor([[1.5, 0.0], [0.9, 0.6]], dtype=torch.float64)
    node = torch.tensor(
        [0.0, 1.3556261799742659, -1.3556261799742659, 2.8569700138728056, -2.8569700138728056]
    ).double()
    mass = torch.tensor([8 / 15, *2 * [0.22207592200561263], *2 * [0.011257411327720682]], dtype=torch.float64)
    x = torch.cartesian_prod(node, node) @ lower.T + torch.tensor([1.0, -2.0])
    weight = (mass[:, None] * mass).flatten()
    model = vectors(MAF, 2, layers=1, hidden=(), act_norm=False, stir=0.0)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.LBFGS(parameters, max_iter=200, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        optimizer.zero_grad()
        nll = -(weight * model.log_prob(x)).sum()
        nll.backward()
        return nll

    optimizer.step(cost)
    entropy = 1 + math.log(2 * math.pi) + lower.logdet().item()
    return Case("−E ln p of linear conditionals on a correlated Gaussian, nats", cost().item(), entropy, 1e-6)


def spline_flow() -> Iterator[Case]:
    """∫ p = 1, ln |det| is autograd's, splines rise and invert, also at their edges; never above a known density."""
    yield from of_any_flow(SplineFlow, couplings=4, hidden=(16,))
    yield from of_one_spline()
    yield from on_known_density(SplineFlow, "pinwheel", updates=50, couplings=4, hidden=(32,))


def of_one_spline() -> Iterator[Case]:
    """Yield the cases of the transform alone, with bins of very different sizes."""
    spline, generator = Spline(8, 3.0), torch.Generator().manual_seed(0)
    raw = 4 * torch.randn(spline.outputs, generator=generator).double()
    x = torch.linspace(-2.999, 2.999, 4001, dtype=torch.float64).requires_grad_()
    every = raw[:, None].expand(-1, len(x))
    y, log_slope = spline(x, every)
    slope = torch.autograd.grad(y.sum(), x)[0]
    yield Case("least slope of a spline, at least", slope.min().item(), 1e-9, 0.0, one_sided=True)
    yield Case("ln dy/dx, from autograd's", (log_slope - slope.log()).abs().max().item(), 0.0, 1e-9)
    values = y.detach().requires_grad_()
    again, back = spline.inverse(values, every)
    yield Case("x from inverse(y), double precision", (again - x).abs().max().item(), 0.0, 1e-9)
    slope = torch.autograd.grad(again.sum(), values)[0]
    yield Case("ln dx/dy of the inverse, from autograd's", (back - slope.log()).abs().max().item(), 0.0, 1e-6)
    single, usual = x.detach().float(), every.float() / 6
    near = spline.inverse(spline(single, usual)[0], usual)[0]
    yield Case("x from inverse(y), single precision", (near - single).abs().max().item(), 0.0, 1e-5)
    many = 30 * torch.randn(spline.outputs, 200_000, generator=generator)
    bounded = LARGEST * torch.tanh(many[8:16].T / LARGEST)
    below = spline.edges(bounded)[:, 4] - 3e-7  # where rounding makes some discriminants negative
    finite = torch.stack([part.isfinite() for part in spline.inverse(below, many)]).all().item()
    yield Case("whether the inverse is finite below the edges of extreme bins", float(finite), 1.0, 0.0)
    far = torch.tensor([-1e30, -3.0, -3.0000002, 3.0, 1e30], dtype=torch.float32, requires_grad=True)
    numbers = raw.float()[:, None].repeat(1, 5).requires_grad_()
    for name, (out, log) in (("y", spline(far, numbers)), ("x", spline.inverse(far, numbers))):
        yield Case(f"{name} outside the box, relative", ((out - far) / far).abs().max().item(), 0.0, 0.0)
        found = torch.autograd.grad((out.sum() + log.sum()), [far, numbers])
        finite = all(bool(gradient.isfinite().all()) for gradient in found)
        yield Case(f"whether gradients of {name} outside the box are finite", float(finite), 1.0, 0.0)


def glow() -> Iterator[Case]:
    """Untrained it has ln p of independent pixels; ln |det| is autograd's, and H·W·ln |det W| of a 1×1 convolution."""
    spec = genzoo.DataSpec((1, 4, 4), "bernoulli", binary=True)
    with genzoo.seeded(0):
        model = Glow(spec, Glow.Config(scales=2, steps=2, channels=4))
        x = torch.randint(2, (3, 1, 4, 4)).float()
        fresh, slope = model.pixels.numbers(x, 0.5) if model.pixels else (x, x)
    z, log_det = model.to_noise(fresh)
    found = model.prior().log_prob(z) + log_det + slope
    yield Case("ln p of the untrained model, nats", (found - independent(x, 0.5, 2)).abs().max().item(), 0.0, 1e-4)
    yield Case("z by autograd and ln |det|", log_det_error(stirred(model).double(), points(16)[:2]), 0.0, 1e-8)
    yield Case("pixels from decode(encode(x))", (model.float().decode(model.encode(x)) - x).abs().max().item(), 0, 0)
    mixing = stirred(Invertible1x1(5)).double()
    log_det = mixing(points(5).view(1, 2, 3, 5))[1].sum()
    exact = 2 * 3 * torch.linalg.slogdet(mixing.matrix)[1]
    yield Case("ln |det| of a 1×1 convolution: H·W·ln |det W|", log_det.item(), exact.item(), 1e-9)
    yield table_of_pixels(Glow, updates=40, scales=1, steps=2, channels=8)


def table_of_pixels(cls: type[genzoo.Density], updates: int = 60, **options: Any) -> Case:
    """Return the case of a model trained on 2×2 black and white pixels with known probabilities.

    With exact probabilities, the cross-entropy is at least the entropy, without any error of sampling; a bound is the
    mean of draws of its noise, and is given 4 standard errors.
    """
    with genzoo.seeded(0):
        states = torch.cartesian_prod(*4 * [torch.tensor([0.0, 1.0])]).view(16, 1, 2, 2)
        table = torch.randn(16).mul(1.5).softmax(0)
        model = cls(genzoo.DataSpec((1, 2, 2), "bernoulli", binary=True), cls.Config(**options))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(updates):
            optimizer.zero_grad()
            (-(table * model.log_prob(states)).sum()).backward()
            optimizer.step()
        with torch.no_grad():
            costs = torch.stack(
                [-(table * model.log_prob(states)).sum() for _ in range(50 if model.exactness == "bound" else 2)]
            )
    error = 4 * costs.std().item() / math.sqrt(len(costs))
    entropy = -(table * table.log()).sum().item()
    return Case("2x2 pixels, nats: not below the entropy", costs.mean().item(), entropy, error + 1e-5, one_sided=True)


def of_any_flow(cls: type[Flow], **options: Any) -> Iterator[Case]:
    """Yield the cases that hold for every flow of vectors."""
    model = vectors(cls, 3, **options)
    yield Case("z by autograd and ln |det|", log_det_error(model, points(3)), 0.0, 1e-8)
    single, x = model.float(), points(3).float()
    yield Case("x from decode(encode(x))", (single.decode(single.encode(x)) - x).abs().max().item(), 0.0, 1e-5)
    yield Case("∫ p over the plane", integral(vectors(cls, 2, stir=0.1, **options).float()), 1.0, 2e-3)
    grey = genzoo.DataSpec((1, 1, 1), "bernoulli")
    identity = cls(grey, cls.Config(**options))
    squeezed = torch.distributions.Normal(0.0, 1.0).cdf(torch.tensor(0.95).logit()).item()
    yield Case("Σ P of 256 levels before training", sum_of_levels(identity, grey), 2 * squeezed - 1, 1e-5)


def vectors(cls: type[Flow], size: int, *, stir: float = 0.3, **options: Any) -> Flow:
    """Return a flow of vectors in double precision with noise on its weights."""
    with genzoo.seeded(0):
        return stirred(cls(genzoo.DataSpec((size,), "gaussian-learned"), cls.Config(**options)), stir).double()


@torch.no_grad()
def stirred(module: M, scale: float = 0.3) -> M:
    """Add noise to all weights: initial values of 0 hide faults."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        own = scale if parameter.dim() < 2 else 2 * scale / math.sqrt(parameter[0].numel())
        parameter.add_(own * torch.randn(parameter.shape, generator=generator).to(parameter))
    return module


def points(size: int) -> Tensor:
    """Return six points [6, size], in double precision."""
    return torch.randn(6, size, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def log_det_error(model: Flow, x: Tensor) -> float:
    """Return the largest |ln |det| − that of autograd's Jacobian| at points [N, D]."""
    exact = [torch.linalg.slogdet(jacobian(lambda at: model.to_noise(at[None])[0][0], row))[1] for row in x]
    return (model.to_noise(x)[1] - torch.stack(exact)).abs().max().item()


@torch.no_grad()
def integral(model: genzoo.Density) -> float:
    """Return ∫ p over the square [−9, 9]² by the trapezoid rule."""
    line = torch.linspace(-9, 9, 241)
    return float(model.log_prob(torch.cartesian_prod(line, line)).double().exp().sum()) * (18 / 240) ** 2


@torch.no_grad()
def sum_of_levels(model: Flow, spec: genzoo.DataSpec) -> float:
    """Return Σ_k ∫ p du over the 256 levels of one pixel, by the midpoint rule within each."""
    assert model.pixels is not None
    place = (torch.arange(16) + 0.5) / 16
    x = (torch.arange(256) / 255).repeat_interleave(16).view(-1, *spec.shape)
    numbers, slope = model.pixels.numbers(x, place.repeat(256).view(-1, *spec.shape))
    z, log_det = model.to_noise(numbers)
    return float((model.prior().log_prob(z) + log_det + slope).double().exp().sum()) / 16


def independent(x: Tensor, place: float, levels: int) -> Tensor:
    """Return ln p at one place u within the levels of pixels x [B, *S], if y = logit(α + (1 − 2α)(k + u)/L) is N(0, I):
    Σ ln φ(y) + ln (1 − 2α)/(L s(1 − s))."""
    squeezed = 0.05 + 0.9 * (x * (levels - 1) + place) / levels
    y = squeezed.logit()
    slope = 0.9 / (levels * squeezed * (1 - squeezed))
    each: Tensor = torch.distributions.Normal(0.0, 1.0).log_prob(y) + slope.log()
    return each.flatten(1).sum(1)


def on_known_density(cls: type[genzoo.Density], dataset: str, updates: int = 80, **options: Any) -> Iterator[Case]:
    """Yield the gap of a model to the density of generated data after a short training: never below 0."""
    data = genzoo.make_dataset(dataset, train=4096, test=4096)
    splits = data.load(genzoo.Store())
    train, test = torch.as_tensor(splits.train.x[:]), torch.as_tensor(splits.test.x[:])
    with genzoo.seeded(0):
        model = cls(data.spec, cls.Config(**options))
        with torch.no_grad():
            model.prepare(genzoo.Batch(train))
        optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
        for step in range(updates):
            optimizer.zero_grad()
            (-model.log_prob(train[step % 8 * 512 :][:512]).mean()).backward()
            optimizer.step()
    assert isinstance(data, genzoo.core.dataset.KnownDensity)
    with torch.no_grad():
        gap = data.log_density(test.double()) - model.log_prob(test)
    yield Case.mean(f"{dataset}: gap to the true ln p, nats, not below", gap, 0.0, one_sided=True, errors=4.0)
    yield Case(f"{dataset}: minus the same gap, not below", -gap.mean().item(), -CLOSED, 0.0, one_sided=True)
