"""Probabilistic PCA, with closed forms of likelihood, posterior and KL, and the VAE that equals it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

import genzoo
from genzoo_plugins.vae.vae import VAE

N, D, Q = 2000, 12, 3


@dataclass(frozen=True)
class PPCA:
    """Probabilistic PCA's maximum likelihood, computed from a sample."""

    x: Tensor
    mean: Tensor
    values: Tensor
    """Eigenvalues of the sample covariance, descending."""
    vectors: Tensor
    """Eigenvectors as columns, in that order."""
    variance: float
    """σ²: the mean of the eigenvalues left out."""

    @property
    def log_likelihood(self) -> float:
        """ln p at the optimum, nats per example (Tipping & Bishop 1999, eq. 8 at the maximum)."""
        kept = self.values[:Q].log().sum().item()
        return -0.5 * (D * math.log(2 * math.pi) + kept + (D - Q) * math.log(self.variance) + D)

    @property
    def marginal(self) -> MultivariateNormal:
        """p(x) at the optimum: N(mean, WWᵀ + σ²)."""
        loadings = self.vectors[:, :Q] * (self.values[:Q] - self.variance).sqrt()
        covariance = loadings @ loadings.T + self.variance * torch.eye(D, dtype=torch.float64)
        return MultivariateNormal(self.mean, covariance)

    def kl(self, beta: float = 1.0) -> Tensor:
        """Return the KL of each latent at the optimum for β: ½ ln(λ/βσ²), and exactly 0 where λ ≤ βσ²."""
        return 0.5 * (self.values[:Q] / (beta * self.variance)).log().clamp_min(0.0)


def make_ppca() -> PPCA:
    """Return 2,000 points in 12 dimensions with variances 4, 2.5, 1.5 and nine times 0.5 along random axes."""
    with genzoo.seeded(7):
        axes = torch.linalg.qr(torch.randn(D, D, dtype=torch.float64)).Q
        scales = torch.tensor([4.0, 2.5, 1.5, *[0.5] * (D - Q)], dtype=torch.float64).sqrt()
        x = (torch.randn(N, D, dtype=torch.float64) * scales) @ axes.T + 0.3
    values, vectors = torch.linalg.eigh(x.T.cov(correction=0))
    values, vectors = values.flip(0), vectors.flip(1)
    return PPCA(x, x.mean(0), values, vectors, values[Q:].mean().item())


def linear_vae(likelihood: str) -> VAE:
    """Return the VAE without hidden layers."""
    with genzoo.seeded(0):
        return VAE(genzoo.DataSpec((D,), likelihood), VAE.Config(latent_dim=Q, hidden=()))


def set_optimum(model: Any, ppca: PPCA, beta: float = 1.0) -> None:
    """Set the model's weights to the optimum for β; for β = 1, q(z|x) is the exact posterior.

    p(x|z) with W = U(Λ − βσ²)₊^½, q(z|x) with variances βσ²/λ, at most 1 (Lucas et al. 2019).
    """
    kept, axes = ppca.values[:Q], ppca.vectors[:, :Q]
    noise = beta * ppca.variance
    loadings = (kept - noise).clamp_min(0.0).sqrt()
    projection = (loadings / kept)[:, None] * axes.T
    encoder, decoder = model.encoder[-1], model.decoder[0]
    with torch.no_grad():
        encoder.weight[:Q] = projection
        encoder.bias[:Q] = -projection @ ppca.mean
        encoder.weight[Q:] = 0.0
        encoder.bias[Q:] = (noise / kept).clamp_max(1.0).log()
        decoder.weight.copy_(axes * loadings)
        decoder.bias.copy_(ppca.mean)
        if isinstance(model.head.log_var, Tensor):  # learned
            model.head.log_var.fill_(math.log(ppca.variance))


def expected_elbo(model: Any, x: Tensor, beta: float = 1.0) -> Tensor:
    """Return the ELBO in nats an example, with the KL weighted by β, without sampling: E‖x − Wz − b‖² is known."""
    q = model.posterior(x)
    px = model.likelihood(q.mean)
    variance = math.exp(px.log_var) if isinstance(px.log_var, float) else px.log_var.exp()
    spread = (q.variance * model.decoder[0].weight.square().sum(0)).sum(1)
    elbo: Tensor = (px.log_prob(x) - 0.5 * spread / variance - beta * q.kl(model.prior())).mean()
    return elbo
