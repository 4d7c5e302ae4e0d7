"""A variational autoencoder whose latents are classes, relaxed in training."""

from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from torch import Tensor

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.nets import Activation, FlatDecoder, FlatEncoder, widened


class GumbelVAE(genzoo.LatentModel, genzoo.Tokeniser):
    """N latents of K classes each: q(z|x) = Π Cat(π_n(x)), p(z) uniform (Jang, Gu & Poole 2017, section 3).

    In training, z is a relaxed sample with a gradient. In evaluation it is one-hot: only then is the ELBO a bound on
    ln p(x). The KL is that of the classes, Σ π ln(Kπ), in both.
    """

    @genzoo.config
    class Config:
        latents: genzoo.Count = 20
        """N, number of latents."""
        classes: Annotated[int, genzoo.Range(2)] = 10
        """K, number of classes of each latent."""
        temperature: genzoo.Positive = 0.67
        """τ of the samples in training: near 0 they are nearly one-hot, and the gradient has a large variance."""
        hidden: tuple[genzoo.Count, ...] = (400,)
        """Widths of the encoder's hidden layers; the decoder mirrors them."""
        activation: Activation = "relu"
        """Nonlinearity between layers."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.head = genzoo.make_likelihood(spec.likelihood)
        self.grid = (config.latents, config.classes)
        size, shape = config.latents * config.classes, widened(spec.shape, self.head.outputs)
        self.encoder = FlatEncoder(spec.shape, config.hidden, size, config.activation)
        self.decoder = FlatDecoder(size, config.hidden[::-1], shape, config.activation)
        self.vocabulary = config.classes

    def posterior(self, x: Tensor) -> genzoo.OneHot:
        logits = full_precision(self.encoder(x)).view(len(x), *self.grid)
        return genzoo.OneHot(logits, self.config.temperature if self.training else 0.0)

    def prior(self) -> genzoo.OneHot:
        return genzoo.OneHot(self.anchor.new_zeros(self.grid))

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head(self.decoder(z.flatten(1)))
        return px

    def codes(self, x: Tensor) -> Tensor:
        return self.posterior(x).logits.argmax(-1)

    def latents(self, codes: Tensor) -> Tensor:
        return F.one_hot(codes, self.config.classes).to(self.anchor)
