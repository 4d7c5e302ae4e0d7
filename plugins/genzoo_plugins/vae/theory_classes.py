"""Theory of models of labelled data: linear ones whose p(x|y) are Gaussians, and their mixture p(x)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.vae.conditional_vae import ConditionalVAE
from genzoo_plugins.vae.m2_vae import M2, M2Loss

CLASSES, SIZE, SIGMA = 4, 3, 0.5
SPEC = genzoo.DataSpec((SIZE,), f"gaussian:{SIGMA}", classes=CLASSES)


class Truth(NamedTuple):
    """x = w z + c_y + σ ε with z ~ N(0, 1): p(x|y) = N(c_y, wwᵀ + σ²)."""

    w: Tensor
    centres: Tensor
    """c_y, [classes, F]."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln p(x|y) of every class, [B, classes]."""
        covariance = torch.outer(self.w, self.w) + SIGMA**2 * torch.eye(SIZE, dtype=x.dtype)
        log_p: Tensor = MultivariateNormal(self.centres, covariance).log_prob(x[:, None])
        return log_p


def conditional_vae() -> Iterator[Case]:
    """The ELBO of a linear model with the exact posterior is ln p(x|y), whatever z was drawn."""
    with genzoo.seeded(0):
        config = ConditionalVAE.Config(latent_dim=1, hidden=(), label_dim=CLASSES)
        model = ConditionalVAE(SPEC, config).double().eval()
        x, y = torch.randn(40, SIZE, dtype=torch.float64), torch.arange(40) % CLASSES
    with torch.no_grad():
        model.labels.weight[1:] = torch.eye(CLASSES)
        truth = exact(model.encoder, model.decoder)
        q, p, z, px = model.infer(genzoo.Batch(x, y), 5)
    assert p is not None
    wanted = truth.log_prob(x)[torch.arange(40), y]
    weights = px.log_prob(x) + p.log_prob(z) - q.log_prob(z)
    yield Case.largest("ln p(x, z|y) − ln q(z|x, y): ln p(x|y), nats", weights, wanted, 1e-9)
    with torch.no_grad(), genzoo.seeded(0):
        drawn = model.sample(4_000, torch.ones(4_000, dtype=torch.int64), noise=True)
    for place in range(SIZE):
        centre = truth.centres[1, place].item()
        yield Case.mean(f"mean of samples of a class, value {place}", drawn[:, place], centre)


def m2_vae() -> Iterator[Case]:
    """With exact posteriors the bound is ln p(x|y), and without labels ln p(x) of a mixture of Gaussians."""
    with genzoo.seeded(0):
        model = M2(SPEC, M2.Config(latent_dim=1, hidden=())).double().eval()
        x, y = torch.randn(40, SIZE, dtype=torch.float64), torch.arange(40) % CLASSES
    with torch.no_grad():
        truth = exact(model.encoder, model.decoder)
        given = truth.log_prob(x)
        log_p = given.logsumexp(1) - math.log(CLASSES)
        many, own = x.repeat(500, 1), y.repeat(500)
        wrong = model.log_prob(many)
        classify(model, truth)
        found, labelled = model.log_prob(many), model.log_prob(many, own)
    yield Case.largest("q(y|x): Bayes' rule, ln", model.classify(x).detach(), given.log_softmax(1), 1e-9)
    # One draw of z for each class: an ELBO in which the KL is exact and the reconstruction is not.
    yield Case.mean("E bound with labels: E ln p(x|y), nats", labelled - given[torch.arange(40), y].repeat(500), 0.0)
    yield Case.mean("E bound without labels: E ln p(x), nats", found - log_p.repeat(500), 0.0)
    yield Case("an untrained q(y|x) has no higher bound, nats", (found - wrong).mean().item(), 0.0, 0.0, one_sided=True)
    some = torch.where(torch.arange(40) < 20, y, -1)
    with torch.no_grad(), genzoo.seeded(1):
        terms = M2Loss(model, M2Loss.Config(alpha=2.0))(model, genzoo.Batch(x, some), torch.tensor(0))
    label = -given.log_softmax(1)[torch.arange(20), y[:20]].sum() / 40
    yield Case("−ln q(y|x) of the known labels, nats an example", terms["label"].item(), label.item(), 1e-9)
    added = terms["loss"] - terms["negative_bound"] - 2 * terms["label"]
    yield Case("the loss is −bound + α label, nats", added.item(), 0.0, 1e-9)


def exact(encoder: nn.Module, decoder: nn.Module) -> Truth:
    """Give the last values of z's decoder, which are the class's indicator, meaning, and return the exact posterior.

    z|x, y ~ N((x − c_y)·w/(w·w + σ²), σ²/(w·w + σ²)).
    """
    first, last = linear_of(encoder), linear_of(decoder)
    w, of_class, bias = last.weight[:, 0], last.weight[:, 1:], last.bias
    precision = w @ w + SIGMA**2
    first.weight.zero_()
    first.weight[0] = torch.cat([w, -w @ of_class]) / precision
    first.bias.copy_(torch.stack([-w @ bias / precision, (SIGMA**2 / precision).log()]))
    return Truth(w, of_class.T + bias)


def classify(model: M2, truth: Truth) -> None:
    """Set q(y|x) to Bayes' rule: its logits are c_yᵀ C⁻¹ x − ½ c_yᵀ C⁻¹ c_y."""
    covariance = torch.outer(truth.w, truth.w) + SIGMA**2 * torch.eye(SIZE, dtype=truth.w.dtype)
    layer, weights = linear_of(model.classifier), truth.centres @ covariance.inverse()
    layer.weight.copy_(weights)
    layer.bias.copy_(-0.5 * (weights * truth.centres).sum(1))


def linear_of(net: nn.Module) -> Any:
    """Return the last linear layer of a net."""
    return [layer for layer in net.modules() if isinstance(layer, nn.Linear)][-1]
