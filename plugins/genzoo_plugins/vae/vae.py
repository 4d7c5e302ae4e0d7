"""Variational autoencoder with a Gaussian posterior and a standard normal prior."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

import genzoo
from genzoo.core.nets import Activation, FlatDecoder, FlatEncoder, widened
from genzoo_plugins.parts.nets import chosen_nets

DEFAULTS = {"prior": "standard-normal", "posterior": "diagonal"}


class VAE(genzoo.LatentModel):
    """q(z|x) = N(μ(x), diag σ²(x)), p(z) = N(0, I) (Kingma & Welling 2014, appendix C); options name other parts.

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
        prior: str = "standard-normal"
        """p(z), one of `genzoo list --kind prior`."""
        posterior: str = "diagonal"
        """q(z|x), one of `genzoo list --kind posterior`."""
        nets: str = ""
        """Encoder and decoder, one of `genzoo list --kind nets`; "": perceptrons of the widths above."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.head = self.make_head()
        self.nets = chosen_nets(spec, config)
        if self.nets and type(self).make_encoder is not VAE.make_encoder:
            own = f"{type(self).__name__} has nets of its own"
            raise genzoo.UsageError(f"--nets {config.nets}: {own}", "leave --nets out")
        self.posterior_part: genzoo.Posterior = self.make_part("posterior", config.latent_dim)
        # One merged layer for mean and log-variance: a third faster than two on small nets.
        self.encoder = self.make_encoder(self.posterior_part.outputs)
        self.decoder = self.make_decoder(widened(spec.shape, self.head.outputs))
        self.prior_part: genzoo.Prior = self.make_part("prior", spec, config.latent_dim)
        self.refuse_other_latents()

    def refuse_other_latents(self) -> None:
        """Refuse a prior and a posterior whose values z are of different kinds: their densities cannot be compared.

        Raises:
            UsageError: One of them is of directions, and the other is not.
        """
        p, q = self.prior_part, self.posterior_part
        if p.support not in (None, q.support):
            what = f"--posterior {q.name} and --prior {p.name}: only one of them is of directions"
            raise genzoo.UsageError(what, "directions have --posterior vmf --prior uniform-sphere")

    def make_head(self) -> genzoo.Likelihood:
        """Return the head: decoder output → p(x|z)."""
        return genzoo.make_likelihood(self.spec.likelihood)

    def make_part(self, kind: Literal["prior", "posterior"], *inputs: Any) -> Any:
        """Return the part that an option names.

        Raises:
            UsageError: No such part, or the class has a p(z) or q(z|x) of its own.
        """
        named = getattr(self.config, kind, DEFAULTS[kind])  # a variant's Config may be without the option
        if named != DEFAULTS[kind] and getattr(type(self), kind) is not getattr(VAE, kind):
            own = f"{type(self).__name__} has a {kind} of its own"
            raise genzoo.UsageError(f"--{kind} {named}: {own}", f"leave --{kind} out")
        return genzoo.make_part(kind, named, *inputs)

    def make_encoder(self, outputs: int) -> nn.Module:
        """Return the encoder: x [B, *S] → [B, outputs]."""
        if self.nets:
            return self.nets.encoder(outputs)
        return FlatEncoder(self.spec.shape, self.config.hidden, outputs, self.config.activation)

    def make_decoder(self, shape: tuple[int, ...]) -> nn.Module:
        """Return the decoder: z [N, D] → [N, *shape]."""
        config = self.config
        if self.nets:
            return self.nets.decoder(config.latent_dim, shape)
        hidden = config.hidden[::-1] if config.decoder_hidden is None else config.decoder_hidden
        return FlatDecoder(config.latent_dim, hidden, shape, config.activation)

    def prepare(self, batch: genzoo.Batch) -> None:
        self.prior_part.prepare(batch)

    def posterior(self, x: Tensor) -> genzoo.Distribution:
        q: genzoo.Distribution = self.posterior_part(self.encoder(x))
        return q

    def prior(self) -> genzoo.Distribution:
        p: genzoo.Distribution = self.prior_part(self)
        return p

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head(self.decoder(z))
        return px
