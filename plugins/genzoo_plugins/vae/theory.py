"""What theory says of VAEs: optimal variances, posterior gaps, aggregate posteriors, importance-weighted bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import genzoo
from genzoo.core.distributions import LOG_2PI
from genzoo.core.noise import seeded
from genzoo.core.observation import ContinuousBernoulli
from genzoo.core.theory import Case
from genzoo_plugins.classical.ppca import PPCA
from genzoo_plugins.vae.dip_vae import DIP, covariance
from genzoo_plugins.vae.iwae import (
    CombinedImportanceWeighted,
    ImportanceWeighted,
    MultiplyImportanceWeighted,
    PartiallyImportanceWeighted,
)
from genzoo_plugins.vae.vae import VAE

STEP = torch.tensor(0)


def small(size: int = 3, likelihood: str = "gaussian", **options: Any) -> VAE:
    """Return a small VAE of points."""
    with seeded(0):
        spec = genzoo.DataSpec((size,), likelihood, size=1000)
        return VAE(spec, VAE.Config(**{"latent_dim": 2, "hidden": (16,), **options}))


def points(n: int, size: int = 3) -> Tensor:
    """Draw points [n, size], each with values of its own scale."""
    with seeded(1):
        return torch.randn(n, size) * torch.linspace(0.5, 2.0, size) + 0.3


def sigma_vae() -> Iterator[Case]:
    """At the best σ² the distortion is ½D(ln 2πσ²* + 1), with σ²* the mean squared error."""
    model, x = small(likelihood="gaussian-learned"), points(2000)
    noise = model.head.log_var
    assert isinstance(noise, Tensor)
    optimizer = torch.optim.LBFGS([noise], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        with seeded(2):
            distortion: Tensor = -model.infer(genzoo.Batch(x)).px.log_prob(x).mean()
        distortion.backward()
        return distortion

    optimizer.step(closure)
    with torch.no_grad(), seeded(2):
        error = (model.infer(genzoo.Batch(x)).px.mean - x).square().mean().item()
    truth = 1.5 * (LOG_2PI + math.log(error) + 1)
    yield Case("distortion at the best σ², nats", closure().item(), truth, 1e-4)
    yield Case("the best σ²", noise.exp().item(), error, 1e-3 * error)


def cb_vae() -> Iterator[Case]:
    """The continuous Bernoulli is a density on [0, 1], with mean λ/(2λ − 1) + 1/(2 artanh(1 − 2λ))."""
    x = (torch.arange(20_000, dtype=torch.float64) + 0.5)[:, None] / 20_000
    for logit in (-6.0, 0.0, 2.5):
        p = ContinuousBernoulli(torch.full((1,), logit, dtype=torch.float64))
        density = p.log_prob(x).exp()
        yield Case(f"∫ p(x) dx at logit {logit:g}", density.mean().item(), 1.0, 1e-6)
        share = 1 / (1 + math.exp(-logit))
        mean = 0.5 if not logit else share / (2 * share - 1) + 1 / (2 * math.atanh(1 - 2 * share))
        yield Case(f"E x at logit {logit:g}", p.mean.item(), mean, 1e-6)


def linear_decoder(model: VAE) -> Tensor:
    """Set p(x|z) = N(Wz, I) with W rotated, so that the posterior's precision I + WᵀW is not diagonal."""
    weight = torch.tensor([[2.0, 2.0], [-0.6, 1.0], [0.0, 0.8]])
    layer: Any = model.decoder[0]  # type: ignore[index]
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.zero_()
    layer.requires_grad_(False)
    return weight


def iaf_vae() -> Iterator[Case]:
    """A linear model: a diagonal Gaussian misses ln p(x) by ½(Σ ln P_ii − ln |P|), a flow posterior by nothing."""
    for posterior in ("diagonal", "iaf:1"):
        model = small(hidden=(), posterior=posterior)
        weight = linear_decoder(model)
        precision = torch.eye(2) + weight.T @ weight
        evidence = torch.distributions.MultivariateNormal(torch.zeros(3), torch.eye(3) + weight @ weight.T)
        gap = 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision)).item()
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 0.03)
        rate = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 300)
        with seeded(3):
            for _ in range(300):
                optimizer.zero_grad()
                negative_elbo(model, evidence.sample((256,))).mean().backward()
                optimizer.step()
                rate.step()
            x = evidence.sample((10_000,))
            with torch.no_grad():
                found = (negative_elbo(model, x) + evidence.log_prob(x)).mean().item()
        truth = gap if posterior == "diagonal" else 0.0
        yield Case(f"ln p(x) − ELBO with --posterior {posterior}, nats", found, truth, 0.03)
    yield from flow_sees_x(model)


def negative_elbo(model: VAE, x: Tensor) -> Tensor:
    """−ELBO of each example, [B]."""
    inference = model.infer(genzoo.Batch(x))
    return inference.kl() - inference.px.log_prob(x)[0]


def flow_sees_x(model: VAE) -> Iterator[Case]:
    """The flow of another x differs, and its ln |det| is that of autograd."""
    q = model.posterior(points(2))
    assert isinstance(q, genzoo.Transformed)
    z = torch.tensor([[0.3, -0.7]])
    outputs = [q.bijection(z, q.context[i : i + 1])[0] for i in range(2)]  # type: ignore[index]
    differs = (outputs[0] - outputs[1]).abs().max().item()
    yield Case("one z₀ through the flows of two x: difference", differs, 1e-3, 0.0, one_sided=True)
    context = q.context[:1].detach()  # type: ignore[index]
    jacobian = torch.autograd.functional.jacobian(lambda one: q.bijection(one, context)[0], z)
    truth = torch.linalg.slogdet(torch.as_tensor(jacobian).view(2, 2))[1].item()
    yield Case("ln |det| of the flow, by autograd", q.bijection(z, context)[1].item(), truth, 1e-5)


@torch.no_grad()
def vamp_vae() -> Iterator[Case]:
    """With all training data as pseudo-inputs, p(z) is the aggregate posterior."""
    n = 64
    model, x = small(prior=f"vamp:{n}"), points(n)
    model.prior_part.get_parameter("inputs").copy_(x)
    q = model.posterior(x)
    assert isinstance(q, genzoo.DiagGaussian)
    aggregate = MixtureSameFamily(Categorical(torch.ones(n)), Independent(Normal(q.mean, q.variance.sqrt()), 1))
    with seeded(2):
        z = q.rsample((20,)).flatten(0, 1)
    p = model.prior()
    marginal = (aggregate.log_prob(z) - p.log_prob(z)).mean().item()
    yield Case("KL(q(z)‖p(z)) at u = all data, nats", marginal, 0.0, 1e-5)
    mutual = (q.log_prob(z.view(20, n, 2)) - aggregate.log_prob(z).view(20, n)).mean().item()
    with seeded(2):
        rate = model.infer(genzoo.Batch(x), 20).kl().mean().item()
    yield Case("KL(q(z|x)‖p(z)) is I(x; z), nats", rate, mutual, 1e-5)


def gm_vae() -> Iterator[Case]:
    """All weight on N(0, I) is a standard normal prior; a mixture of codes is recovered."""
    model, plain, x = small(prior="mixture:3"), small(), points(4000)
    part: Any = model.prior_part
    with torch.no_grad():
        part.means[0], part.log_vars[0] = 0.0, 0.0
        part.logits.copy_(torch.tensor([60.0, 0.0, 0.0]))
        with seeded(2):
            found = model.infer(genzoo.Batch(x), 50).kl().mean().item()
        truth = plain.infer(genzoo.Batch(x)).kl().mean().item()
        with seeded(0):
            part.logits.zero_()
            part.means.normal_()
    yield Case("KL with all weight on N(0, I), nats", found, truth, 0.02)
    components = Independent(Normal(torch.tensor([[-3.0, 0.0], [3.0, 1.0], [0.0, -4.0]]), 0.5), 1)
    true = MixtureSameFamily(Categorical(torch.tensor([0.5, 0.3, 0.2])), components)
    with seeded(5):
        z = true.sample((4000,))
    optimizer = torch.optim.Adam(part.parameters(), 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (-model.prior().log_prob(z).mean()).backward()
        optimizer.step()
    gap = (true.log_prob(z) - model.prior().log_prob(z)).mean().item()
    yield Case("a latent mixture recovered: gap to its density, nats", gap, 0.0, 0.02)
    yield Case("the weight of its largest component", part.logits.softmax(0).max().item(), 0.5, 0.03)


def dip_vae() -> Iterator[Case]:
    """The covariance over all data is exact, and that of version II is that of the codes (law of total covariance)."""
    mean = torch.tensor([[1.0, 0.6], [0.6, 2.0]])
    with seeded(0):
        x = torch.randn(5000, 2, dtype=torch.float64)
    x = x - x.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(x.T @ x / len(x)), x.T, upper=False).T
    q = genzoo.DiagGaussian(white @ torch.linalg.cholesky(mean.double()).T, math.log(0.5))
    exact = {"I": mean, "II": mean + 0.5 * torch.eye(2)}
    for version in ("I", "II"):
        c = covariance(q, version)
        yield Case(f"largest error of C ({version})", (c - exact[version]).abs().max().item(), 0.0, 1e-9)
    with seeded(1):
        z = q.rsample((40,)).flatten(0, 1)
    yield Case("C (II) and the covariance of 200,000 codes", (torch.cov(z.T) - c).abs().max().item(), 0.0, 0.03)
    model, batch = small(), genzoo.Batch(points(500))
    with torch.no_grad(), seeded(1):
        terms = DIP(model, DIP.Config(off_diagonal=3.0, diagonal=7.0))(model, batch, STEP)
    own = covariance(model.posterior(batch.x), "II")
    others = (own - own.diagonal().diag()).square().sum().item()
    truth = 3 * others + 7 * (own.diagonal() - 1).square().sum().item()
    yield Case("the penalty in the loss", (terms["loss"] - terms["negative_elbo"]).item(), truth, 1e-4 * truth)


def gradients(loss: genzoo.Loss, model: VAE, batch: genzoo.Batch) -> tuple[Tensor, Tensor]:
    """Return the gradients of the encoder and of the decoder, flat, with one seed."""
    with seeded(3):
        value = loss(model, batch, STEP)["loss"]
    parts = [list(part.parameters()) for part in (model.encoder, model.decoder)]
    found = torch.autograd.grad(value, [*parts[0], *parts[1]])
    flat = [torch.cat([g.flatten() for g in part]) for part in (found[: len(parts[0])], found[len(parts[0]) :])]
    return flat[0], flat[1]


def importance_weighted() -> Iterator[Case]:
    """M = 1 is L_K and K = 1 the ELBO; with the exact posterior every bound is ln p(x); PIWAE trains its encoder as
    MIWAE and its decoder as IWAE."""
    model, batch = small(), genzoo.Batch(points(200))
    iwae = {k: ImportanceWeighted(model, ImportanceWeighted.Config(posterior_samples=k)) for k in (1, 6)}

    def value(loss: genzoo.Loss, model: genzoo.Model = model) -> float:
        with torch.no_grad(), seeded(3):
            found: float = loss(model, batch, STEP)["loss"].item()
        return found

    multiply, combined = MultiplyImportanceWeighted, CombinedImportanceWeighted
    one = multiply(model, multiply.Config(groups=1, posterior_samples=6))
    yield Case("MIWAE, M = 1: −L_6, nats", value(one), value(iwae[6]), 1e-6)
    with torch.no_grad(), seeded(3):
        bound = iwae[6](model, batch, STEP)["negative_elbo"].item()
    each = multiply(model, multiply.Config(groups=6, posterior_samples=1))
    with torch.no_grad(), seeded(3):
        inference = model.infer(batch, 6)
        log_q, log_p = inference.q.log_prob(inference.z), genzoo.StandardNormal((2,), batch.x).log_prob(inference.z)
        elbo = (log_q - log_p - inference.px.log_prob(batch.x)).mean().item()
    yield Case("MIWAE, k = 1: −ELBO, nats", value(each), elbo, 1e-4)
    half = combined(model, combined.Config(share=0.3, posterior_samples=6))
    yield Case("CIWAE, β = .3, nats", value(half), 0.3 * elbo + 0.7 * value(iwae[6]), 1e-4)
    yield Case("−L_6 is at most −ELBO", bound, value(iwae[6]), 0.0, one_sided=True)
    partial = PartiallyImportanceWeighted(model, PartiallyImportanceWeighted.Config(groups=2, posterior_samples=3))
    wanted = gradients(multiply(model, multiply.Config(groups=2, posterior_samples=3)), model, batch)[0]
    found, rest = gradients(partial, model, batch)
    yield Case("PIWAE: encoder's gradient − MIWAE's", (found - wanted).abs().max().item(), 0.0, 1e-5)
    rest = rest - gradients(iwae[6], model, batch)[1]
    yield Case("PIWAE: decoder's gradient − IWAE's", rest.abs().max().item(), 0.0, 1e-5)
    exact = PPCA(model.spec, PPCA.Config(latent_dim=2))
    exact.fit([batch])
    truth = -exact.log_prob(batch.x).mean().item()
    for kind in (multiply, PartiallyImportanceWeighted, combined):
        yield Case(
            f"{kind.__name__} with the exact posterior, nats", value(kind(exact, kind.Config()), exact), truth, 1e-4
        )
