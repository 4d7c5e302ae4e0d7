"""Variational autoencoder with a Gaussian posterior and a standard normal prior."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

import genzoo
from genzoo.core.nets import Activation, FlatDecoder, FlatEncoder, widened


class VAE(genzoo.LatentModel):
    """q(z|x) = N(μ(x), diag σ²(x)), p(z) = N(0, I) (Kingma & Welling 2014, appendix C).

    The default nets are 784-400-20. A variant overrides `make_encoder` and `make_decoder` to change the nets, or
    `make_head` to change p(x|z), and nothing else.
    """

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 20
        """Length of the latent vector z."""
        hidden: tuple[genzoo.Count, ...] = (400,)
        """Widths of the encoder's hidden layers. Empty: a linear model."""
        decoder_hidden: tuple[genzoo.Count, ...] | None = None
        """Widths of the decoder's hidden layers; None: those of the encoder, reversed."""
        activation: Activation = "relu"
        """Nonlinearity between layers."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.head = self.make_head()
        # One merged layer for mean and log-variance: a third faster than two on small nets.
        self.encoder = self.make_encoder(2 * config.latent_dim)
        self.decoder = self.make_decoder(widened(spec.shape, self.head.outputs))

    def make_head(self) -> genzoo.Likelihood:
        """Return the head: decoder output → p(x|z)."""
        return genzoo.make_likelihood(self.spec.likelihood)

    def make_encoder(self, outputs: int) -> nn.Module:
        """Return the encoder: x [B, *S] → [B, outputs]."""
        return FlatEncoder(self.spec.shape, self.config.hidden, outputs, self.config.activation)

    def make_decoder(self, shape: tuple[int, ...]) -> nn.Module:
        """Return the decoder: z [N, D] → [N, *shape]."""
        config = self.config
        hidden = config.hidden[::-1] if config.decoder_hidden is None else config.decoder_hidden
        return FlatDecoder(config.latent_dim, hidden, shape, config.activation)

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        return genzoo.DiagGaussian.from_parameters(self.encoder(x))

    def prior(self) -> genzoo.Distribution:
        return genzoo.StandardNormal((self.config.latent_dim,), like=self.anchor)

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head(self.decoder(z))
        return px
