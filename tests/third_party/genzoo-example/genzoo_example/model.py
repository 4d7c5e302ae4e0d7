"""A VAE with a Laplace prior."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor

import genzoo
from genzoo.core.nets import FlatDecoder, FlatEncoder, widened

SCALE = math.sqrt(0.5)
"""b, for a variance 2b² of 1."""


class LaplacePrior(genzoo.Distribution):
    """p(z) = Π exp(−|zᵢ|/b) / 2b: more mass at 0 and in the tails than a Gaussian of the same variance.

    It leaves `kl` alone, so the KL of a posterior from it is estimated from the samples.
    """

    def __init__(self, dim: int, like: Tensor) -> None:
        super().__init__(event_dims=1)
        self.zeros = like.new_zeros(dim)

    @property
    def shape(self) -> torch.Size:
        return self.zeros.shape

    @property
    def mean(self) -> Tensor:
        return self.zeros

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        # The difference of two exponential variables is a Laplace variable.
        draws = self.zeros.expand(2, *sample_shape, *self.zeros.shape).clone().exponential_()
        return SCALE * (draws[0] - draws[1])

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return -(value.abs() / SCALE + math.log(2 * SCALE)).sum(-1)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        raise ValueError("a prior has no batch axis to split")


class LaplaceVAE(genzoo.LatentModel):
    """q(z|x) = N(μ(x), diag σ²(x)), p(z) Laplace of variance 1 (Barello, Charles & Pillow 2018)."""

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 20
        """Length of the latent vector z."""
        width: genzoo.Count = 400
        """Units of the one hidden layer, in the encoder and in the decoder."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.head = genzoo.make_likelihood(spec.likelihood)
        hidden = (config.width,)
        self.encoder = FlatEncoder(spec.shape, hidden, 2 * config.latent_dim, "relu")
        self.decoder = FlatDecoder(config.latent_dim, hidden, widened(spec.shape, self.head.outputs), "relu")

    def posterior(self, x: Tensor) -> genzoo.Distribution:
        return genzoo.DiagGaussian.from_parameters(self.encoder(x))

    def prior(self) -> genzoo.Distribution:
        return LaplacePrior(self.config.latent_dim, like=self.anchor)

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head(self.decoder(z))
        return px


def theory() -> Iterator[genzoo.Case]:
    """The prior is Laplace's density of variance 1, and the KL estimated from samples is an integral."""
    prior = LaplacePrior(2, like=torch.zeros(()))
    draws = prior.rsample((20_000,))
    yield genzoo.Case.mean("variance of p(z)", draws[:, 0].square(), 1.0)
    yield genzoo.Case.mean(
        "E −ln p(z): its entropy, 2 + 2 ln 2b, nats", -prior.log_prob(draws), 2 + 2 * math.log(2 * SCALE)
    )
    mean, log_var = torch.tensor([[0.5, -1.0]]), torch.tensor([[-1.0, 0.3]])
    q = genzoo.DiagGaussian(mean, log_var)
    z = q.rsample((50_000,))
    estimate = genzoo.Inference(q, prior, z, px=q).kl().item()
    sigma = (log_var / 2).exp()
    folded = sigma * math.sqrt(2 / math.pi) * (-(mean**2) / (2 * sigma**2)).exp()
    folded = folded + mean * torch.erf(mean / (sigma * math.sqrt(2)))  # E|z|
    exact = (folded / SCALE + math.log(2 * SCALE) - 0.5 * (math.log(2 * math.pi * math.e) + log_var)).sum().item()
    yield genzoo.Case("KL(N(μ, σ²)‖p(z)) = E|z|/b + ln 2b − ½ ln 2πeσ², nats", estimate, exact, 0.03)
