"""Theory of variational autoencoders: linear ones, whose likelihood is known, and one latent by quadrature."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.nn.functional import softplus

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins import linear_gaussian as linear
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.beta_tc_vae import TC, decompose
from genzoo_plugins.vae.conv_vae import ConvVAE
from genzoo_plugins.vae.factor_vae import Factor
from genzoo_plugins.vae.iwae import ImportanceWeighted
from genzoo_plugins.vae.vae import VAE

STEP = torch.tensor(0)


def vae() -> Iterator[Case]:
    """At its optimum a linear VAE is probabilistic PCA; with one latent ln p(x) is an integral over a line."""
    ppca, model = linear.make_ppca(), linear.linear_vae("gaussian-learned").double()
    linear.set_optimum(model, ppca)
    with torch.no_grad():
        elbo = linear.expected_elbo(model, ppca.x).item()
        kl = model.posterior(ppca.x).kl(model.prior())
        inference = model.infer(genzoo.Batch(ppca.x), 10)
    assert kl is not None
    assert inference.p is not None
    yield Case("ELBO at the optimum: ln p(x) of probabilistic PCA, nats", elbo, ppca.log_likelihood, 1e-9)
    yield Case("KL at the optimum, nats", kl.mean().item(), ppca.kl().sum().item(), 1e-9)
    weights = inference.px.log_prob(ppca.x) + inference.p.log_prob(inference.z) - inference.q.log_prob(inference.z)
    yield Case.largest("ln p(x, z) − ln q(z|x) at the optimum is ln p(x)", weights, weights[:1], 1e-9)
    with genzoo.seeded(3):
        small = VAE(genzoo.DataSpec((4,), "bernoulli"), VAE.Config(latent_dim=1, hidden=(8,))).double()
    yield from of_one_latent(small, torch.tensor(list(itertools.product((0.0, 1.0), repeat=4))).double())


def conv_vae() -> Iterator[Case]:
    """With one latent, ln p(x) is an integral over a line."""
    with genzoo.seeded(3):
        config = ConvVAE.Config(latent_dim=1, channels=(3, 3), base=3)
        model = ConvVAE(genzoo.DataSpec((1, 16, 16), "bernoulli"), config).double()
        x = (torch.rand(3, 1, 16, 16, dtype=torch.float64) < 0.3).double()
    yield from of_one_latent(model, x)


@torch.no_grad()
def of_one_latent(model: VAE, x: Tensor) -> Iterator[Case]:
    """ELBO = ln p(x) − KL(q(z|x)‖p(z|x)), all three by the trapezoid rule, and the loss is never above it."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.mul_(2.0)  # so that x depends on z
    step, draws = 16 / 200, 500
    grid = torch.linspace(-8, 8, 201, dtype=torch.float64)[:, None]
    px = model.likelihood(grid)
    given = torch.stack([px.log_prob(one.expand(len(grid), *one.shape)) for one in x], 1)
    joint = given + model.prior().log_prob(grid)[:, None]
    log_p = joint.logsumexp(0) + math.log(step)
    q = model.posterior(x).log_prob(grid[:, None].expand(-1, len(x), 1))
    gap = (q.exp() * (q - joint + log_p)).sum(0) * step
    with genzoo.seeded(1):
        terms = ELBO(model, ELBO.Config(posterior_samples=draws))(model, genzoo.Batch(x), STEP)
        costs = -model.infer(genzoo.Batch(x), draws).px.log_prob(x).mean(1)
    error = 6 * costs.std().item() / math.sqrt(len(costs))
    truth = (gap - log_p).mean().item()
    yield Case("the loss: −ln p(x) + KL(q‖p(z|x)) by quadrature, nats", terms["loss"].item(), truth, error)
    yield Case("−ELBO is at least −ln p(x), nats", terms["loss"].item(), -log_p.mean().item(), error, one_sided=True)


def beta_vae() -> Iterator[Case]:
    """Latents collapse where their variance is below βσ² (Lucas et al. 2019), and the weights do not move there."""
    ppca, beta = linear.make_ppca(), 4.0
    model = linear.linear_vae(f"gaussian:{math.sqrt(ppca.variance)}").double()
    linear.set_optimum(model, ppca, beta)
    slopes = torch.autograd.grad(linear.expected_elbo(model, ppca.x, beta), list(model.parameters()))
    yield Case.largest("gradient at the closed-form optimum", torch.cat([s.flatten() for s in slopes]), 0.0, 1e-9)
    with torch.no_grad(), genzoo.seeded(0):
        terms = ELBO(model, ELBO.Config(beta=beta))(model, genzoo.Batch(ppca.x), STEP)
    kl = ppca.kl(beta).sum().item()
    yield Case("KL of two latents and of one collapsed, nats", terms["kl"].item(), kl, 1e-9)
    weighted = terms["loss"] - terms["reconstruction"]
    yield Case("what the loss adds to the reconstruction: β KL, nats", weighted.item(), beta * kl, 1e-8)


def iwae() -> Iterator[Case]:
    """With the exact posterior L_k = ln p(x) for every k; with one moved by δσ, −L_1 is above −ln p(x) by its KL."""
    ppca, model = linear.make_ppca(), linear.linear_vae("gaussian-learned").double()
    linear.set_optimum(model, ppca)
    for k in (1, 5):
        found = of_importance(model, ppca.x, k)
        yield Case(f"−L_{k} with the exact posterior: −ln p(x), nats", found, -ppca.log_likelihood, 1e-9)
    with torch.no_grad():
        encoder = [layer for layer in model.encoder.modules() if isinstance(layer, torch.nn.Linear)][-1]
        encoder.bias[: linear.Q] += 0.5 * (0.5 * encoder.bias[linear.Q :]).exp()
    gap = 0.5 * linear.Q * 0.5**2
    x = ppca.x.repeat(20, 1)
    one, eight = of_importance(model, x, 1), of_importance(model, x, 8)
    yield Case("−L_1 with a posterior moved by σ/2: −ln p(x) + ⅜, nats", one, gap - ppca.log_likelihood, 0.02)
    yield Case("−L_8 is at least −ln p(x), nats", eight, -ppca.log_likelihood, 0.01, one_sided=True)


@torch.no_grad()
def of_importance(model: VAE, x: Tensor, k: int) -> float:
    """The loss of k samples in nats, with seed 0."""
    loss = ImportanceWeighted(model, ImportanceWeighted.Config(posterior_samples=k))
    with genzoo.seeded(0):
        bound: float = loss(model, genzoo.Batch(x), STEP)["loss"].item()
    return bound


CORRELATIONS = torch.tensor([[1.0, 0.6, 0.0], [0.6, 1.0, -0.5], [0.0, -0.5, 1.0]], dtype=torch.float64)


class Optimal(torch.nn.Module):
    """ln q(z) − Σ ln q(z_d) of a Gaussian with `CORRELATIONS`, times 1 + `excess`: the best discriminator's logit."""

    def __init__(self) -> None:
        super().__init__()
        self.excess = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        precision = CORRELATIONS.inverse() - torch.eye(3, dtype=torch.float64)
        ratio: Tensor = -0.5 * (CORRELATIONS.logdet() + ((z @ precision) * z).sum(1))
        return (1 + self.excess) * ratio[:, None]


def factor_vae() -> Iterator[Case]:
    """The best discriminator's logit has the total correlation as its mean, and is where its loss is least."""
    with genzoo.seeded(0):
        model = VAE(genzoo.DataSpec((3,), "gaussian"), VAE.Config(latent_dim=3, hidden=()))
        z = torch.randn(40_000, 3, dtype=torch.float64) @ torch.linalg.cholesky(CORRELATIONS).T
    loss = Factor(model, Factor.Config(gamma=10.0, discriminator=()))
    loss.discriminator = Optimal()  # type: ignore[assignment]
    truth = -0.5 * CORRELATIONS.logdet().item()
    assert isinstance(loss.discriminator, Optimal)
    logits = loss.discriminator(z)[:, 0].detach()
    yield Case.mean("total correlation, −½ ln |R|, nats", logits, truth)
    yield Case(
        "the loss's own estimate is that mean, nats", loss.total_correlation(z).item(), logits.mean().item(), 1e-9
    )
    apart = loss.discriminator(torch.randn(len(z), 3, dtype=torch.float64))[:, 0]
    entropy = 0.5 * (softplus(-logits).mean() + softplus(apart).mean()).item()
    found = loss.discrimination(z)
    yield Case("its cross-entropy between codes and independent ones, nats", found.item(), entropy, 0.008)
    (slope,) = torch.autograd.grad(found, loss.discriminator.excess)
    yield Case("slope of its cross-entropy at the best discriminator", slope.item(), 0.0, 5e-3)
    loss.discriminator = torch.nn.Linear(3, 1)  # type: ignore[assignment]
    with torch.no_grad(), genzoo.seeded(0):
        terms = loss(model, genzoo.Batch(z[:64].float()), STEP)
    added = terms["loss"] - terms["negative_elbo"] - 10 * terms["total_correlation"]
    yield Case("the loss is −ELBO + γ TC, nats", added.item(), 0.0, 1e-4)


def beta_tc_vae() -> Iterator[Case]:
    """The parts of the KL in a batch of all examples, against mixtures by torch and a Gaussian's closed form."""
    with genzoo.seeded(0):
        q = genzoo.DiagGaussian(torch.randn(40, 3).double(), (0.5 * torch.randn(40, 3) - 0.5).double())
        z = q.rsample()
    p = genzoo.StandardNormal((3,), like=q.mean)
    parts, scale = decompose(q, p, z, len(z)), q.variance.sqrt()
    weights = torch.ones(40, dtype=torch.float64)
    joint = MixtureSameFamily(Categorical(weights), Independent(Normal(q.mean, scale), 1)).log_prob(z)
    each = MixtureSameFamily(Categorical(weights.expand(3, -1)), Normal(q.mean.T, scale.T)).log_prob(z).sum(1)
    yield Case.largest("ln q(z|x) − ln q(z), nats", parts.mutual_information, q.log_prob(z) - joint, 1e-9)
    yield Case.largest("ln q(z) − Σ ln q(z_d), nats", parts.total_correlation, joint - each, 1e-9)
    yield Case.largest("Σ ln q(z_d) − ln p(z), nats", parts.dimension_wise, each - p.log_prob(z), 1e-9)
    with genzoo.seeded(0):
        means = 2 * torch.randn(800, 3, dtype=torch.float64) @ torch.linalg.cholesky(CORRELATIONS).T
        wide = genzoo.DiagGaussian(means, math.log(0.5))
        found = decompose(wide, p, wide.rsample(), len(means)).total_correlation
    covariance = 4 * CORRELATIONS + 0.5 * torch.eye(3, dtype=torch.float64)
    truth = -0.5 * (covariance.logdet() - covariance.diagonal().log().sum()).item()
    yield Case("total correlation of a Gaussian q(z), nats", found.mean().item(), truth, 0.08)
    with torch.no_grad(), genzoo.seeded(0):
        model = VAE(genzoo.DataSpec((3,), "gaussian", size=40), VAE.Config(latent_dim=3, hidden=()))
        terms = TC(model, TC.Config(beta=6.0))(model, genzoo.Batch(torch.randn(40, 3)), STEP)
    added = terms["loss"] - terms["negative_elbo"] - 5 * terms["total_correlation"]
    yield Case("the loss is −ELBO + (β − 1) TC, nats", added.item(), 0.0, 1e-4)
