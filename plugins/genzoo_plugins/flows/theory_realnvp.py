"""Theory of RealNVP: its inverse, its log-determinant by automatic differentiation, and an integral over the plane."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.autograd.functional import jacobian

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.flows.realnvp import RealNVP


def stirred(spec: genzoo.DataSpec, spread: float = 0.2) -> RealNVP:
    """Return a flow with random weights in double precision."""
    with genzoo.seeded(0):
        model = RealNVP(spec, RealNVP.Config(couplings=4, hidden=(16,))).double()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=spread)
    return model


def realnvp() -> Iterator[Case]:
    """ln p(x) = ln N(f(x); 0, I) + ln |det ∂f/∂x|, which integrates to 1; of pixels it is a bound."""
    model = stirred(genzoo.DataSpec((5,), "gaussian-learned"))
    with genzoo.seeded(1):
        x = torch.randn(4, 5, dtype=torch.float64)
    z, log_det = (part.detach() for part in model.to_noise(x))
    exact = torch.stack([torch.linalg.slogdet(jacobian(model.encode, x[i : i + 1]).view(5, 5))[1] for i in range(4)])
    yield Case.largest("ln |det ∂f/∂x| by automatic differentiation, nats", log_det, exact, 1e-9)
    yield Case.largest("decode(encode(x)): x", model.decode(z).detach(), x, 1e-9)
    wanted = torch.distributions.Normal(0, 1).log_prob(z).sum(1) + exact
    yield Case.largest("ln p(x), nats", model.log_prob(x).detach(), wanted, 1e-6)
    yield from integral()
    yield from of_pixels()


@torch.no_grad()
def integral() -> Iterator[Case]:
    """∫p over the plane, and E −ln p of the flow's own samples, which is its entropy."""
    model, line = stirred(genzoo.DataSpec((2,), "gaussian-learned")), torch.linspace(-12, 12, 301, dtype=torch.float64)
    log_p, cell = model.log_prob(torch.cartesian_prod(line, line)), (24 / 300) ** 2
    yield Case("∫p(x)dx in the plane", log_p.exp().sum().item() * cell, 1.0, 1e-5)
    entropy = -(log_p.exp() * log_p).sum().item() * cell
    with genzoo.seeded(2):
        costs = -model.log_prob(model.sample(20_000))
    yield Case.mean("E −ln p of its samples: the entropy by quadrature, nats", costs, entropy)


@torch.no_grad()
def of_pixels() -> Iterator[Case]:
    """One black or white pixel: P(x) is the integral of the density over its level; what is reported is below it."""
    model = stirred(genzoo.DataSpec((1,), "bernoulli", binary=True), 0.1)
    assert model.pixels is not None
    place = ((torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000)[:, None]
    for value in (0.0, 1.0):
        x = torch.full((10_000, 1), value, dtype=torch.float64)
        numbers, slope = model.pixels.numbers(x, place)
        z, log_det = model.to_noise(numbers)
        log_density = model.prior().log_prob(z) + log_det + slope
        with genzoo.seeded(1):
            reported = -model.log_prob(x)
        yield Case.mean(f"E bound of a pixel of {value:g}, nats", reported, -log_density.mean().item())
        exact = -log_density.exp().mean().log().item()
        yield Case.mean(f"at least −ln P({value:g}), nats", reported, exact, one_sided=True)
