"""What the numbers of flows as parts are held against: priors, posteriors, bijections, and a VAE with a flow prior."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor
from torch.autograd.functional import jacobian

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.flows.theory import points, stirred
from genzoo_plugins.vae.vae import VAE

CONTEXT = 3
SPEC = genzoo.DataSpec((4,), "gaussian", size=100)


def of_bijection(name: str) -> Iterator[Case]:
    """The inverse inverts and ln |det| is autograd's, without and with a context."""
    for length in (0, CONTEXT):
        with genzoo.seeded(0):
            own = stirred(genzoo.make_part("bijection", name, 3, length)).double()
        x, context = points(3), points(length) if length else None
        y, there = own(x, context)
        again, back = own.inverse(y, context)
        given = "given a context" if length else "without a context"
        yield Case(f"x from inverse(forward(x)) {given}", (again - x).abs().max().item(), 0.0, 1e-9)
        yield Case(f"sum of both ln |det| {given}", (there + back).abs().max().item(), 0.0, 1e-9)
        yield Case(
            f"ln |det| from autograd's {given}", (there - log_dets(own, x, context)).abs().max().item(), 0.0, 1e-9
        )


def log_dets(bijection: genzoo.Bijection, x: Tensor, context: Tensor | None) -> Tensor:
    """Return ln |det dy/dx| at rows x [N, D] by automatic differentiation, [N]."""
    found = []
    for row in range(len(x)):
        own = None if context is None else context[row]
        slopes = jacobian(lambda at, own=own: bijection(at, own)[0], x[row])
        found.append(torch.linalg.slogdet(slopes)[1])
    return torch.stack(found)


def of_prior(name: str) -> Iterator[Case]:
    """∫ p(z) = 1, and ln p(z) is the change of variables by autograd."""
    with genzoo.seeded(0):
        model = VAE(SPEC, VAE.Config(latent_dim=2, hidden=(8,), prior=name)).double()
    part = stirred(model.prior_part, 0.1)
    assert isinstance(part.bijection, genzoo.Bijection)
    z = points(2)
    with torch.no_grad():
        line = torch.linspace(-9, 9, 241, dtype=torch.float64)
        mass = model.prior().log_prob(torch.cartesian_prod(line, line)).exp().sum().item() * (18 / 240) ** 2
        exact = torch.distributions.Normal(0.0, 1.0).log_prob(part.bijection(z)[0]).sum(1)
        found = model.prior().log_prob(z)
        p = model.prior()
        drawn = p.rsample((6,))
        both = (p.log_prob(drawn) - p.log_prob(drawn.clone())).abs().max().item()
    yield Case("∫ p(z) over the plane", mass, 1.0, 1e-3)
    yield Case("ln p of a sample, drawn and by the inverse", both, 0.0, 1e-8)
    off = (found - exact - log_dets(part.bijection, z, None)).abs().max().item()
    yield Case("ln p(z) from ln N(f(z)) and autograd's ln |det|", off, 0.0, 1e-9)


def of_posterior(name: str) -> Iterator[Case]:
    """ln q of a sample is the same as drawn and by the inverse, and the change of variables by autograd."""
    with genzoo.seeded(0):
        part = stirred(genzoo.make_part("posterior", name, 3)).double()
        parameters = torch.randn(5, part.outputs, dtype=torch.float64)
        q = part(parameters)
        z = q.rsample()
        drawn, computed = q.log_prob(z), q.log_prob(z.clone())
    yield Case("ln q of a sample, drawn and by the inverse", (drawn - computed).abs().max().item(), 0.0, 1e-8)
    base, context = genzoo.DiagGaussian.from_parameters(parameters[:, :6]), parameters[:, 6:]
    start = part.bijection.inverse(z, context)[0]
    exact = base.log_prob(start) - log_dets(part.bijection, start.detach(), context)
    yield Case("ln q from the base and autograd's ln |det|", (drawn - exact).abs().max().item(), 0.0, 1e-8)


def flow_prior_vae() -> Iterator[Case]:
    """Under z → Tz the prior N(Tz)|dT/dz| and the decoder g are the prior N(u) and the decoder g ∘ T⁻¹.

    The ELBO in z is that of the posterior of u = Tz, which is transformed by the same T for all x.
    """
    with genzoo.seeded(0):
        model = VAE(SPEC, VAE.Config(latent_dim=2, hidden=(8,), prior="maf:2"))
        flow = stirred(model.prior_part).bijection
        assert isinstance(flow, genzoo.Bijection)
        x = torch.randn(64, 4)
        with torch.no_grad():
            inference = model.infer(genzoo.Batch(x))
            elbo = (inference.px.log_prob(x)[0] - inference.kl()).mean()
            u, log_det = flow(inference.z[0])
            log_q = model.posterior(x).log_prob(inference.z[0]) - log_det
            log_p = genzoo.StandardNormal((2,), like=u).log_prob(u)
            same = (model.likelihood(flow.inverse(u)[0]).log_prob(x) + log_p - log_q).mean()
    yield Case("ELBO in z and in u = Tz, nats", elbo.item(), same.item(), 1e-5)


affine_couplings = partial(of_bijection, "realnvp:3")
spline_couplings = partial(of_bijection, "spline:3")
affine_autoregressive = partial(of_bijection, "maf:2")
realnvp_prior = partial(of_prior, "realnvp:3")
spline_prior = partial(of_prior, "spline:3")
maf_prior = partial(of_prior, "maf:2")
maf_posterior = partial(of_posterior, "maf:2")
spline_posterior = partial(of_posterior, "spline:2")
