"""Theory of directions: normalisers and KL in three dimensions, moments, and the gradient of samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.parts.sphere import UniformSphere, VonMisesFisher, log_area, quadrature
from genzoo_plugins.vae.vae import VAE

KL = {1.0: 0.1515959, 10.0: 1.9957323}
"""κ coth κ − 1 + ln(κ / sinh κ), nats, on the sphere in three dimensions."""
DRAWS = 4000


def about(concentration: float, dim: int) -> VonMisesFisher:
    """Return the distribution about the direction (1, …, 1)."""
    direction = F.normalize(torch.ones(1, dim, dtype=torch.float64), dim=-1)
    return VonMisesFisher(direction, torch.tensor([concentration], dtype=torch.float64))


def vmf() -> Iterator[Case]:
    """The KL in closed form for D = 3 and, by Bessel functions, D = 2; moments and gradients for any D."""
    for kappa, truth in KL.items():
        q = about(kappa, 3)
        found = q.kl(UniformSphere(3, like=q.direction))
        assert found is not None
        yield Case(f"KL from uniform at D = 3, κ = {kappa:g}, nats", found.item(), truth, 1e-7)
        z = q.direction * torch.tensor([[[1.0]], [[-1.0]]]).double()
        exact = kappa * torch.tensor([[1.0], [-1.0]]).double() + math.log(kappa / (4 * math.pi * math.sinh(kappa)))
        yield Case.largest(f"ln q(z) at D = 3, κ = {kappa:g}, nats", q.log_prob(z), exact, 1e-9)
    for kappa in (0.01, 3.0, 1000.0):
        bessel = torch.special.i0e(torch.tensor(kappa, dtype=torch.float64)).log().item()
        found = about(kappa, 2).log_prob(about(kappa, 2).direction)
        truth = -bessel - math.log(2 * math.pi)
        yield Case(f"ln q(μ) at D = 2, κ = {kappa:g}: −ln 2π I₀ + κ, nats", found.item(), truth, 1e-6)
    for kappa, dim in ((0.5, 2), (30.0, 5), (8.0, 20), (1e4, 40)):
        yield from moments(kappa, dim)


def moments(kappa: float, dim: int) -> Iterator[Case]:
    """E w from samples; its derivative by samples is 1 − A² − (D − 1) A/κ, which a gradient without the share of
    accepted proposals, or without that of the transform, misses."""
    at, rest = f"at κ = {kappa:g}, D = {dim}", quadrature(about(kappa, dim).concentration, dim)[1].item()
    each = torch.full((DRAWS,), kappa, dtype=torch.float64, requires_grad=True)
    q = VonMisesFisher(about(kappa, dim).direction.expand(DRAWS, -1), each)
    share = 1 - rest
    spread = rest * (1 + share) - (dim - 1) * share / kappa  # 1 − A² − (D − 1) A/κ
    with genzoo.seeded(0):
        with torch.enable_grad():
            z = q.rsample()
            from_top = 1 - (z * q.direction).sum(1)
        (slopes,) = torch.autograd.grad(from_top.sum(), each)
    z, from_top = z.detach(), from_top.detach()
    yield Case.mean(f"1 − E μᵀz {at}", from_top, rest)
    yield Case.mean(f"variance of μᵀz {at}", (from_top - rest).square(), spread)
    yield Case.mean(f"d E μᵀz/dκ by samples {at}", -slopes, spread)
    yield Case.largest(f"lengths of samples {at}", z.norm(dim=-1), 1.0, 1e-6)
    # Rejection that gives up leaves a vector of zeros where no proposal was accepted.
    yield Case(f"samples of which no proposal was accepted {at}", (z.norm(dim=-1) < 0.5).sum().item(), 0.0, 0.0)


def uniform_sphere() -> Iterator[Case]:
    """−ln p is ln 2π, ln 4π and ln 2π² in two, three and four dimensions; E z zᵀ is I/D."""
    for dim, area in ((2, 2 * math.pi), (3, 4 * math.pi), (4, 2 * math.pi**2)):
        yield Case(f"ln of the sphere's area in {dim} dimensions", log_area(dim), math.log(area), 1e-12)
    p = UniformSphere(5, like=torch.zeros((), dtype=torch.float64))
    with genzoo.seeded(0):
        z = p.rsample((DRAWS,))
    yield Case.largest("−ln p(z) of 5 dimensions, nats", -p.log_prob(z), math.log(8 * math.pi**2 / 3), 1e-12)
    yield Case.mean("E z₁²: 1/5", z[:, 0].square(), 0.2)
    yield Case.mean("E z₁ z₂: 0", z[:, 0] * z[:, 1], 0.0)


@torch.no_grad()
def svae() -> Iterator[Case]:
    """ln p(x) by quadrature on the circle is not below any bound, and the bound by many samples tends to it."""
    with genzoo.seeded(0):
        options: dict[str, Any] = {"prior": "uniform-sphere", "posterior": "vmf"}
        model = VAE(genzoo.DataSpec((3,), "gaussian"), VAE.Config(latent_dim=2, hidden=(8,), **options)).double()
        x = torch.randn(20, 3, dtype=torch.float64)
        inference = model.infer(genzoo.Batch(x), DRAWS // 4)
    truth = log_evidence(model, x)
    assert inference.p is not None
    weights = inference.px.log_prob(x) + inference.p.log_prob(inference.z) - inference.q.log_prob(inference.z)
    bound = inference.px.log_prob(x).mean(0) - inference.kl()
    yield Case("ln p(x) − ELBO, nats", (truth - bound).min().item(), 0.0, 0.01, one_sided=True)
    found = weights.logsumexp(0) - math.log(len(weights))
    what = f"bound by {len(weights)} samples: ln p(x) by quadrature on the circle, nats"
    yield Case(what, found.mean().item(), truth.mean().item(), 0.05)
    sampled = (inference.q.log_prob(inference.z) - inference.p.log_prob(inference.z)).mean()
    yield Case("KL, and from samples, nats", inference.kl().mean().item(), sampled.item(), 0.02)


def log_evidence(model: VAE, x: Tensor) -> Tensor:
    """Return ln ∫ p(x|z) dz/2π over the circle for points x [N, D], [N]."""
    angles = torch.arange(720, dtype=torch.float64) * 2 * math.pi / 720
    px = model.likelihood(torch.stack([angles.cos(), angles.sin()], 1))
    each = torch.stack([px.log_prob(one.expand(720, -1)) for one in x])
    return each.logsumexp(1) - math.log(720)
