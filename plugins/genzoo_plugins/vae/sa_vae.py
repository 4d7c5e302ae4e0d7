"""Semi-amortised VAE: steps of gradient ascent improve what the encoder puts out."""

from __future__ import annotations

import torch
from torch import Tensor

import genzoo
from genzoo.core.nets import Activation
from genzoo_plugins.vae.vae import VAE


def corners(dim: int) -> Tensor:
    """Return M < 4·dim points with coordinates ±1 of mean 0 and covariance I, [M, dim]: columns of a Hadamard matrix.

    Their mean of a quadratic function is that of N(0, I).
    """
    rows = [[1.0]]
    while len(rows) < dim + 1:
        rows = [[*row, *(sign * value for value in row)] for sign in (1.0, -1.0) for row in rows]
    return torch.tensor(rows)[:, 1 : dim + 1]


class SAVAE(VAE):
    """q(z|x) = N(μ_K, diag σ_K²) after K steps on the ELBO from (μ₀, σ₀) of the encoder (Kim et al. 2018, algorithm 1).

    Steps follow the natural gradient: Δμ = η σ² ∂ELBO/∂μ and Δ ln σ² = 2 η ∂ELBO/∂ ln σ², the latter at most 1. The
    expectation in the ELBO is over fixed points, so that q(z|x) is a function of x; it is exact where ln p(x|z) is
    quadratic in z. The gradient of training passes through the steps.
    """

    points: Tensor

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 10
        """Length of the latent vector z."""
        hidden: tuple[genzoo.Count, ...] = (400,)
        """Widths of the encoder's hidden layers. Empty: a linear model."""
        decoder_hidden: tuple[genzoo.Count, ...] | None = None
        """Widths of the decoder's hidden layers; None: those of the encoder, reversed."""
        activation: Activation = "silu"
        """Nonlinearity between layers; the steps need its derivative."""
        refinements: genzoo.Natural = 4
        """K, the number of steps; 0: `vae`."""
        step_size: genzoo.Positive = 0.2
        """η."""

    config: Config

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.register_buffer("points", corners(config.latent_dim), persistent=False)

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        first = genzoo.DiagGaussian.from_parameters(self.encoder(x))
        mean, log_var, slope = first.mean, first.log_var, torch.func.grad(self.elbo, argnums=(0, 1))
        assert isinstance(log_var, Tensor)
        for _ in range(self.config.refinements):
            of_mean, of_log_var = slope(mean, log_var, x)
            mean = mean + self.config.step_size * log_var.exp() * of_mean
            log_var = log_var + (2 * self.config.step_size * of_log_var).clamp(-1, 1)
        return genzoo.DiagGaussian(mean, log_var)

    def elbo(self, mean: Tensor, log_var: Tensor, x: Tensor) -> Tensor:
        """Return the sum of the ELBO of all examples, in nats, for μ and ln σ² [B, D]."""
        z = mean + (0.5 * log_var).exp() * self.points[:, None]
        px = self.likelihood(z.flatten(0, 1)).unflatten(z.shape[:2])
        kl = genzoo.DiagGaussian(mean, log_var).kl(genzoo.StandardNormal(mean.shape[1:], like=mean))
        assert kl is not None
        return (px.log_prob(x).mean(0) - kl).sum()
