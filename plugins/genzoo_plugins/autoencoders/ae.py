"""Plain autoencoder: a VAE's nets without its noise and without a prior."""

from __future__ import annotations

from typing import Any

from torch import Tensor

import genzoo
from genzoo.core.nets import Activation, FlatDecoder, FlatEncoder, widened
from genzoo_plugins.parts.nets import chosen_nets


class AE(genzoo.LatentModel):
    """Deterministic code z = f(x), trained to reconstruct (Hinton & Salakhutdinov 2006).

    The posterior is a point and there is no prior, so there is no KL, and samples need a fitted sampler.
    """

    encoder: Any
    decoder: Any

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 20
        """Length of the code z."""
        hidden: tuple[genzoo.Count, ...] = (400,)
        """Widths of the encoder's hidden layers. Empty: a linear model."""
        decoder_hidden: tuple[genzoo.Count, ...] | None = None
        """Widths of the decoder's hidden layers; None: those of the encoder, reversed."""
        activation: Activation = "relu"
        """Nonlinearity between layers."""
        nets: str = ""
        """Encoder and decoder, one of `genzoo list --kind nets`; "": perceptrons of the widths above."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.head = genzoo.make_likelihood(spec.likelihood)
        shape = widened(spec.shape, self.head.outputs)
        if nets := chosen_nets(spec, config):
            self.encoder, self.decoder = nets.encoder(config.latent_dim), nets.decoder(config.latent_dim, shape)
            return
        self.encoder = FlatEncoder(spec.shape, config.hidden, config.latent_dim, config.activation)
        hidden = config.hidden[::-1] if config.decoder_hidden is None else config.decoder_hidden
        self.decoder = FlatDecoder(config.latent_dim, hidden, shape, config.activation)

    def posterior(self, x: Tensor) -> genzoo.Distribution:
        return genzoo.Delta(self.encoder(x))

    def prior(self) -> None:
        return None

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head(self.decoder(z))
        return px
