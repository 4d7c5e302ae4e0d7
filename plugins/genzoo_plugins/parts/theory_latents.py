"""Theory of priors, posteriors and bijections: integrals over the plane, and Jacobians by automatic differentiation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.functional import jacobian
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins import linear_gaussian as linear
from genzoo_plugins.vae.vae import VAE

SIDE, CELLS = 16.0, 120


def model_of(**options: Any) -> VAE:
    """Return a VAE with two latents and these parts, and large random weights, in double precision."""
    with genzoo.seeded(0):
        model = VAE(genzoo.DataSpec((3,), "gaussian"), VAE.Config(latent_dim=2, hidden=(), **options))
        model.prepare(genzoo.Batch(torch.randn(8, 3)))
        for parameter in model.parameters():
            inputs = parameter[0].numel() if parameter.dim() > 1 else 4
            parameter.data.add_(0.6 / math.sqrt(inputs) * torch.randn_like(parameter))
    return model.double().eval()


def plane() -> Tensor:
    """A grid of the plane, [N, 2]; a cell has the area (SIDE / CELLS)²."""
    line = torch.linspace(-SIDE / 2, SIDE / 2, CELLS + 1, dtype=torch.float64)
    return torch.cartesian_prod(line, line)


@torch.no_grad()
def integrals(p: genzoo.Distribution, what: str, batch: bool = False) -> Iterator[Case]:
    """∫p over the plane, and the entropy from samples and by quadrature."""
    grid = plane()
    log_p = p.log_prob(grid[:, None] if batch else grid).flatten()
    cell = (SIDE / CELLS) ** 2
    yield Case(f"∫ of {what}", log_p.exp().sum().item() * cell, 1.0, 2e-3)
    with genzoo.seeded(1):
        drawn = p.rsample((4000,))
    costs = -p.log_prob(drawn).flatten()
    again = -p.log_prob(drawn.clone()).flatten()  # by the inverse, and not by what drawing has kept
    yield Case.largest("ln p of a sample, and of a copy of it", costs, again, 1e-6)
    yield Case.mean("E −ln p of its samples: by quadrature, nats", costs, -(log_p.exp() * log_p).sum().item() * cell)


def standard_normal() -> Iterator[Case]:
    """ln N(z; 0, I)."""
    p = model_of().prior()
    z = torch.tensor([[0.0, 0.0], [1.0, -2.0]], dtype=torch.float64)
    truth = torch.tensor([0.0, -2.5], dtype=torch.float64) - math.log(2 * math.pi)
    yield Case.largest("ln p(z), nats", p.log_prob(z), truth, 1e-12)
    yield from integrals(p, "p(z)")


def mixture() -> Iterator[Case]:
    """ln Σ π_k N(z; μ_k, σ_k²) against torch's mixture."""
    model: Any = model_of(prior="mixture:5")
    part, z = model.prior_part, plane()[::499]
    normals = Independent(Normal(part.means, (0.5 * part.log_vars).exp()), 1)
    truth = MixtureSameFamily(Categorical(logits=part.logits), normals).log_prob(z)
    yield Case.largest("ln p(z), nats", model.prior().log_prob(z).detach(), truth.detach(), 1e-9)
    yield from integrals(model.prior(), "p(z)")


def vamp() -> Iterator[Case]:
    """With all training examples as pseudo-inputs p(z) is the aggregate posterior: the marginal KL is 0."""
    model: Any = model_of(prior="vamp:8")
    with genzoo.seeded(2):
        x = torch.randn(8, 3, dtype=torch.float64)
    model.prior_part.inputs.data.copy_(x)
    q, z = model.posterior(x), plane()[::499]
    aggregate = torch.stack([q.log_prob(one.expand(8, 2)).logsumexp(0) for one in z]) - math.log(8)
    found = model.prior().log_prob(z)
    yield Case.largest("ln p(z): ln 1/N Σ q(z|x), nats", found.detach(), aggregate.detach(), 1e-9)
    yield from integrals(model.prior(), "p(z)")


def flow() -> Iterator[Case]:
    """ln N(f(z); 0, I) + ln |det ∂f/∂z| with the Jacobian by automatic differentiation."""
    model: Any = model_of(prior="flow:iaf:2")
    with genzoo.seeded(3):
        z = torch.randn(4, 2, dtype=torch.float64)
    bijection = model.prior_part.bijection
    slopes = torch.stack([torch.linalg.slogdet(jacobian(lambda one: bijection(one)[0], at))[1] for at in z])
    truth = Normal(0.0, 1.0).log_prob(bijection(z)[0]).sum(1) + slopes
    yield Case.largest("ln p(z), nats", model.prior().log_prob(z).detach(), truth.detach(), 1e-6)
    yield from integrals(model.prior(), "p(z)")


def diagonal() -> Iterator[Case]:
    """At its optimum it leaves the mean-field gap, ½(Σ ln P_ii − ln |P|), P the precision of p(z|x)."""
    q = genzoo.make_part("posterior", "diagonal", 2)(torch.tensor([[0.3, -1.0, 0.5, -2.0]]).double())
    truth = Normal(torch.tensor([0.3, -1.0]).double(), torch.tensor([0.25, -1.0]).double().exp())
    z = torch.tensor([[1.0, -1.2]]).double()
    yield Case("ln q(z|x), nats", q.log_prob(z).item(), truth.log_prob(z).sum().item(), 1e-9)
    yield from mean_field()


@torch.no_grad()
def mean_field() -> Iterator[Case]:
    """A linear VAE whose W is rotated in the latent space: p(z|x) is correlated, and a diagonal q(z|x) is not."""
    ppca, model = linear.make_ppca(), linear.linear_vae("gaussian-learned").double()
    linear.set_optimum(model, ppca)
    encoder: Any = [layer for layer in model.encoder.modules() if isinstance(layer, torch.nn.Linear)][-1]
    decoder: Any = [layer for layer in model.decoder.modules() if isinstance(layer, torch.nn.Linear)][-1]
    with genzoo.seeded(4):
        turn = torch.linalg.qr(torch.randn(linear.Q, linear.Q, dtype=torch.float64)).Q
    decoder.weight.copy_(decoder.weight @ turn.T)
    precision = torch.eye(linear.Q, dtype=torch.float64) + decoder.weight.T @ decoder.weight / ppca.variance
    encoder.weight[: linear.Q] = turn @ encoder.weight[: linear.Q]
    encoder.bias[: linear.Q] = turn @ encoder.bias[: linear.Q]
    encoder.bias[linear.Q :] = -precision.diagonal().log()
    gap = 0.5 * (precision.diagonal().log().sum() - precision.logdet()).item()
    found = ppca.log_likelihood - linear.expected_elbo(model, ppca.x).item()
    yield Case("ln p(x) − ELBO of the best diagonal posterior, nats", found, gap, 1e-9)


def of_posterior(name: str) -> Iterator[Case]:
    """q(z|x) of one x integrates to 1, and its ln q is that of the change of variables."""
    model: Any = model_of(posterior=name)
    with genzoo.seeded(3):
        x = torch.randn(1, 3, dtype=torch.float64)
    yield from integrals(model.posterior(x), "q(z|x)", batch=True)


def of_bijection(name: str) -> Iterator[Case]:
    """ln |det| by automatic differentiation, and the inverse, with a context."""
    with genzoo.seeded(0):
        part: Any = genzoo.make_part("bijection", name, 3, 2)
        for parameter in part.parameters():
            parameter.data.add_(0.2 * torch.randn_like(parameter))
        x, context = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    part = part.double()
    y, log_det = (found.detach() for found in part(x, context))
    slopes = torch.stack(
        [torch.linalg.slogdet(jacobian(lambda one, at=at: part(one, context[at])[0], x[at]))[1] for at in range(4)]
    )
    yield Case.largest("ln |det ∂y/∂x|, nats", log_det, slopes, 1e-6)
    again, back = (found.detach() for found in part.inverse(y, context))
    yield Case.largest("inverse(forward(x)): x", again, x, 1e-6)
    yield Case.largest("ln |det| of the inverse: minus that, nats", back, -log_det, 1e-6)


def iaf_posterior() -> Iterator[Case]:
    """The inverse autoregressive flow as a posterior."""
    return of_posterior("iaf:2")


def planar_posterior() -> Iterator[Case]:
    """The planar flow as a posterior."""
    return of_posterior("planar:3")


def iaf() -> Iterator[Case]:
    """The inverse autoregressive flow."""
    return of_bijection("iaf:2")


def planar() -> Iterator[Case]:
    """The planar flow."""
    return of_bijection("planar:4")
