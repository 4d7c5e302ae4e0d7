"""Conditional VAE: a variational autoencoder whose encoder and decoder get the class of each example."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.dataset import UNKNOWN
from genzoo.core.nets import Activation, FlatDecoder, mlp, widened
from genzoo.core.noise import uniform


class ConditionalVAE(genzoo.LatentModel):
    """q(z|x, y) = N(μ(x, y), diag σ²(x, y)), p(z) = N(0, I) and p(x|z, y) (Kingma et al. 2014, section 2, model M2; the
    conditional VAE of Sohn, Lee & Yan 2015, section 4, on the class alone and with a prior that does not depend on it).

    "Unknown" is a class of its own. In training each label is replaced by it with probability `label_dropout`
    (Ho & Salimans 2022, algorithm 1), so one model learns p(x|y) and p(x); without labels it is the model of p(x).

    For a batch with labels the ELBO is a bound on ln p(x|y), in nats an example, and not on ln p(x): knowing the label
    of one of C equally likely classes is worth up to ln C nats, 2.3 for ten digits.
    """

    conditional = True

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 20
        """Length of the latent vector z."""
        hidden: tuple[genzoo.Count, ...] = (500, 500)
        """Widths of the encoder's hidden layers; the decoder's are the same, reversed."""
        activation: Activation = "relu"
        """Nonlinearity between layers."""
        label_dim: genzoo.Count = 64
        """Length of the embedding of a class."""
        label_dropout: Annotated[float, genzoo.Range(0.01, 0.9)] = 0.1
        """Share of the labels that training hides, to learn the unconditional model too."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        if not spec.classes:
            raise genzoo.UsageError("conditional-vae needs labelled data; these have no classes", "use vae")
        super().__init__(spec, config)
        self.label_dropout = config.label_dropout
        self.head = genzoo.make_likelihood(spec.likelihood)
        self.labels = nn.Embedding(1 + spec.classes, config.label_dim)  # row 0 is "unknown"
        nn.init.zeros_(self.labels.weight)  # before training labels change nothing
        encoded = spec.numel + config.label_dim
        self.encoder = mlp(encoded, config.hidden, 2 * config.latent_dim, config.activation)
        shape = widened(spec.shape, self.head.outputs)
        decoded = config.latent_dim + config.label_dim
        self.decoder = FlatDecoder(decoded, config.hidden[::-1], shape, config.activation)

    def with_label(self, values: Tensor, y: Tensor | None) -> Tensor:
        """Append the embedding of the classes y [N] to values [N, F]: [N, F + label_dim]. None: all unknown."""
        if y is None:
            y = values.new_full((len(values),), UNKNOWN, dtype=torch.int64)
        return torch.cat([values, self.labels(y - UNKNOWN)], 1)

    def posterior(self, x: Tensor, y: Tensor | None = None) -> genzoo.DiagGaussian:
        """q(z|x, y), or q(z|x) without y [B]."""
        return genzoo.DiagGaussian.from_parameters(self.encoder(self.with_label(x.flatten(1), y)))

    def prior(self) -> genzoo.Distribution:
        return genzoo.StandardNormal((self.config.latent_dim,), like=self.anchor)

    def likelihood(self, z: Tensor, y: Tensor | None = None) -> genzoo.Distribution:
        """p(x|z, y), or p(x|z) without y [N]."""
        px: genzoo.Distribution = self.head(self.decoder(self.with_label(z, y)))
        return px

    def infer(self, batch: genzoo.Batch, k: int = 1) -> genzoo.Inference:
        """Infer with the labels of the batch, if it has them; in training some of them are hidden."""
        x, y = batch
        if y is not None and self.training:
            hidden = uniform(x.flatten(1)[:, 0]) < self.label_dropout
            y = torch.where(hidden, UNKNOWN, y)
        q = self.posterior(x, y)
        z = q.rsample((k,))
        px = self.likelihood(z.flatten(0, 1), None if y is None else y.repeat(k)).unflatten((k, len(x)))
        return genzoo.Inference(q=q, p=self.prior(), z=z, px=px)

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        """Draw n examples [n, *S] of the classes y [n]; without y, of any class.

        Raises:
            UsageError: y is not n class numbers.
        """
        if y is not None:
            refuse_unless_classes(y, n, self.spec.classes)
            y = y.to(self.anchor.device)
        px = self.likelihood(self.prior().rsample((n,)), y)
        return px.rsample() if noise else px.centre


def refuse_unless_classes(y: Tensor, n: int, classes: int) -> None:
    """Refuse y that is not n class numbers. An embedding would name none, and on a GPU end the process.

    Raises:
        UsageError: The message says what y must be.
    """
    if y.shape != (n,) or y.dtype != torch.int64:
        raise genzoo.UsageError(f"y must be {n} int64 class numbers; it is {y.dtype} of shape {tuple(y.shape)}")
    if wrong := sorted({int(c) for c in y if not 0 <= c < classes}):
        raise genzoo.UsageError(f"there is no class {wrong[0]}: they are 0 … {classes - 1}")
