"""Theory of the losses of densities and of latent models, on linear models whose optimum is known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins import linear_gaussian as linear
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.losses.geco import GECO
from genzoo_plugins.losses.nll import NLL
from genzoo_plugins.losses.reconstruction import Reconstruction
from genzoo_plugins.vae.vae import VAE

STEP = torch.tensor(0)


def elbo() -> Iterator[Case]:
    """At the optimum of a linear VAE every term is known, whatever weighs the KL."""
    ppca, model = linear.make_ppca(), linear.linear_vae("gaussian-learned").double()
    linear.set_optimum(model, ppca)
    kl, truth = ppca.kl().sum().item(), -ppca.log_likelihood
    terms = terms_of(ELBO, model, ppca.x, posterior_samples=300)
    yield Case("KL: Σ ½ ln(λ/σ²), nats", terms["kl"], kl, 1e-9)
    yield Case("−ELBO: −ln p(x) of probabilistic PCA, nats", terms["negative_elbo"], truth, 0.02)
    yield Case("the loss at β = 1 is −ELBO, nats", terms["loss"], terms["negative_elbo"], 1e-12)
    for options, weighted in (
        ({"beta": 4.0}, 4 * kl),
        ({"beta": 4.0, "kl_warmup": 100}, 2 * kl),
        ({"capacity": 10.0, "gamma": 5.0}, 5 * (10 - kl)),
        ({"capacity": 4.0, "gamma": 5.0, "kl_warmup": 100}, 5 * (kl - 2)),
    ):
        halfway = terms_of(ELBO, model, ppca.x, 50, **options)
        text = ", ".join(f"{name} {value:g}" for name, value in options.items())
        yield Case(f"loss − reconstruction, {text}, nats", halfway["loss"] - halfway["reconstruction"], weighted, 1e-5)


def reconstruction() -> Iterator[Case]:
    """The expected reconstruction of a linear VAE at its optimum: −ln p(x) − KL."""
    ppca, model = linear.make_ppca(), linear.linear_vae("gaussian-learned").double()
    linear.set_optimum(model, ppca)
    found = terms_of(Reconstruction, model, ppca.x.repeat(100, 1))["loss"]
    yield Case("E −ln p(x|z), nats", found, -ppca.log_likelihood - ppca.kl().sum().item(), 0.03)
    bound = terms_of(ELBO, model, ppca.x)
    alone = terms_of(Reconstruction, model, ppca.x)["loss"]
    yield Case("the same sample's −ELBO less its KL, nats", alone, bound["negative_elbo"] - bound["kl"], 1e-9)


class Gaussian(genzoo.Density):
    """N(0, I), or N(y, I) given the class y."""

    conditional = True

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        centre = 0.0 if y is None else y[:, None].to(x)
        return -0.5 * ((x - centre).square() + math.log(2 * math.pi)).sum(1)


def nll() -> Iterator[Case]:
    """Its mean over data that follow the density is the entropy, and the class is given to conditional models."""
    spec = genzoo.DataSpec((2,), "gaussian", classes=3, size=1000)
    with genzoo.seeded(0):
        y = torch.arange(60_000) % 3
        x = y[:, None] + torch.randn(60_000, 2, dtype=torch.float64)
    entropy = math.log(2 * math.pi * math.e)
    model = Gaussian(spec, None)
    found = NLL(model, NLL.Config())(model, genzoo.Batch(x, y), STEP)["loss"].item()
    yield Case("of N(y, I) given y: its entropy, nats", found, entropy, 0.025)
    found = NLL(model, NLL.Config())(model, genzoo.Batch(x), STEP)["loss"].item()
    yield Case("without y: more by E y²/2 in each dimension, nats", found, entropy + 5 / 3, 0.05)


def geco() -> Iterator[Case]:
    """On the rate–distortion curve of a Gaussian neither the weights nor the multiplier move.

    R(D) = Σ ½ ln(λ_i/θ) at D = Σ θ (Cover & Thomas 2006, theorem 10.3.3); at σ = 1 the multiplier is 1/θ.
    """
    level, variances = 0.2, torch.tensor([4.0, 1.0, 0.25], dtype=torch.float64)
    with genzoo.seeded(0):
        model = VAE(genzoo.DataSpec((3,), "gaussian", size=256), VAE.Config(latent_dim=3, hidden=())).double()
        tolerance = 0.5 * level + 0.5 * math.log(2 * math.pi)
        loss = GECO(model, GECO.Config(tolerance=tolerance, rate=1.0)).double()
        x = white(30_000) * variances.sqrt()
    encoder: Any = model.encoder[1]  # type: ignore[index]
    decoder: Any = model.decoder[0]  # type: ignore[index]
    slopes = (variances - level).sqrt()
    with torch.no_grad():
        encoder.weight.copy_(torch.cat([(slopes / variances).diag(), torch.zeros(3, 3)]))
        encoder.bias.copy_(torch.cat([torch.zeros(3), (level / variances).log()]))
        decoder.weight.copy_(slopes.diag())
        decoder.bias.zero_()
        loss.log_multiplier.fill_(-math.log(level))
    batch = genzoo.Batch(x)
    with genzoo.seeded(1):
        terms = loss(model, batch, STEP)
    rate = 0.5 * (variances / level).log().sum().item()
    yield Case("rate at the distortion: Σ ½ ln(λ/θ), nats", terms["kl"].item(), rate, 1e-6)
    distortion = 2 * terms["reconstruction"].item() - 3 * math.log(2 * math.pi)
    yield Case("distortion: 3θ", distortion, 3 * level, 0.02)
    gradients = torch.autograd.grad(terms["loss"], list(model.parameters()))
    yield Case.largest("gradient of the weights there", torch.cat([g.flatten() for g in gradients]), 0.0, 0.08)
    with torch.no_grad():
        loss.after_step(model, batch, STEP)
    yield Case("ln of the multiplier after a step: −ln θ", loss.log_multiplier.item(), -math.log(level), 4e-3)


def white(n: int) -> Tensor:
    """n points [n, 3] whose sample mean is 0 and whose sample covariance is I."""
    x = torch.randn(n, 3, dtype=torch.float64)
    x = x - x.mean(0)
    whitened: Tensor = x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov(correction=0))).T
    return whitened


@torch.no_grad()
def terms_of(kind: type[genzoo.Loss], model: VAE, x: Tensor, step: int = 0, **options: Any) -> dict[str, float]:
    """The terms of a loss with seed 0, in nats."""
    loss = kind(model, kind.Config(**options))
    with genzoo.seeded(0):
        terms: dict[str, Tensor] = loss(model, genzoo.Batch(x), torch.tensor(step))
    return {name: term.item() for name, term in terms.items()}
