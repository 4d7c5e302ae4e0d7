"""M2: a variational autoencoder of data of which only some have labels, and its objective."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.dataset import UNKNOWN
from genzoo.core.distributions import full_precision
from genzoo.core.nets import Activation, FlatDecoder, mlp, widened
from genzoo.core.noise import uniform
from genzoo_plugins.vae.conditional_vae import refuse_unless_classes


class M2(genzoo.Density, genzoo.Encoder):
    """p(y) p(z) p(x|y, z) with uniform p(y) and p(z) = N(0, I), q(y|x) and q(z|x, y) (Kingma et al. 2014, model M2).

    `log_prob` is a bound: on ln p(x|y) of an example with a label, and on ln p(x) of one without, for which all classes
    are summed over. The code of an example is q(y|x), followed by the mean of z.
    """

    conditional = True
    exactness = "bound"

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 20
        """Length of the latent vector z."""
        hidden: tuple[genzoo.Count, ...] = (500,)
        """Widths of the hidden layers of the encoder and of q(y|x); the decoder's are the same, reversed."""
        activation: Activation = "relu"
        """Nonlinearity between layers."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        if not spec.classes:
            raise genzoo.UsageError("m2-vae needs classes, if only for a few examples; these data have none", "use vae")
        super().__init__(spec, config)
        self.head = genzoo.make_likelihood(spec.likelihood)
        self.measure, self.support = self.head.family.measure, self.head.family.support
        self.classifier = mlp(spec.numel, config.hidden, spec.classes, config.activation)
        self.encoder = mlp(spec.numel + spec.classes, config.hidden, 2 * config.latent_dim, config.activation)
        shape = widened(spec.shape, self.head.outputs)
        self.decoder = FlatDecoder(config.latent_dim + spec.classes, config.hidden[::-1], shape, config.activation)

    def classify(self, x: Tensor) -> Tensor:
        """Return ln q(y|x) for each class, [B, classes]."""
        return full_precision(self.classifier(x.flatten(1))).log_softmax(1)

    def with_class(self, values: Tensor, y: Tensor) -> Tensor:
        """Append the classes y [N] to values [N, F] as indicators: [N, F + classes]."""
        indicators = torch.eye(self.spec.classes, dtype=values.dtype, device=values.device)  # one_hot reads y back
        return torch.cat([values, indicators.index_select(0, y)], 1)

    def prior(self) -> genzoo.StandardNormal:
        """p(z)."""
        return genzoo.StandardNormal((self.config.latent_dim,), like=self.anchor)

    def posterior(self, x: Tensor, y: Tensor) -> genzoo.DiagGaussian:
        """q(z|x, y)."""
        return genzoo.DiagGaussian.from_parameters(self.encoder(self.with_class(x.flatten(1), y)))

    def likelihood(self, z: Tensor, y: Tensor) -> genzoo.Distribution:
        """p(x|z, y)."""
        px: genzoo.Distribution = self.head(self.decoder(self.with_class(z, y)))
        return px

    def in_every_class(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return each example with each class: x [C·B, *S] and y [C·B], all examples of the first class first."""
        classes = torch.arange(self.spec.classes, device=x.device)
        return x.repeat(len(classes), *[1] * (x.dim() - 1)), classes.repeat_interleave(len(x))

    def bounds(self, x: Tensor) -> Tensor:
        """Return the bound on ln p(x|y) for every class y, from one sample of q(z|x, y): [B, classes]."""
        repeated, y = self.in_every_class(x)
        q = self.posterior(repeated, y)
        kl = q.kl(self.prior())
        assert kl is not None, "two Gaussians have a closed form"
        return (self.likelihood(q.rsample(), y).log_prob(repeated) - kl).view(-1, len(x)).T

    def bound(self, x: Tensor, y: Tensor | None, log_q: Tensor) -> Tensor:
        """Return `log_prob(x, y)`, [B], given ln q(y|x) [B, classes] (eq. 6 without ln p(y), and eq. 7)."""
        given = self.bounds(x)
        unlabelled = (log_q.exp() * (given - math.log(self.spec.classes) - log_q)).sum(1)
        if y is None:
            return unlabelled
        labelled = given.gather(1, y.clamp_min(0)[:, None])[:, 0]
        return torch.where(y == UNKNOWN, unlabelled, labelled)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.bound(x, y, self.classify(x))

    def encode(self, x: Tensor) -> Tensor:
        q = self.classify(x).exp()
        means = self.posterior(*self.in_every_class(x)).mean.view(self.spec.classes, len(x), -1)
        return torch.cat([q, (q.T[..., None] * means).sum(0)], 1)

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        """Draw n examples [n, *S] of the classes y [n]; without y, of any class.

        Raises:
            UsageError: y is not n class numbers.
        """
        z = self.prior().rsample((n,))
        if y is None:
            y = (uniform(z[:, 0]) * self.spec.classes).long()
        else:
            refuse_unless_classes(y, n, self.spec.classes)
        px = self.likelihood(z, y.to(z.device))
        return px.rsample() if noise else px.mean


class M2Loss(genzoo.Loss):
    """−ln p(x, y) by its bound for examples with a label, −ln p(x) for others, and α · −ln q(y|x) of the labels (Kingma
    et al. 2014, eq. 9)."""

    accepts = M2

    @genzoo.config
    class Config:
        alpha: genzoo.NonNegative = 1.0
        """Weight of −ln q(y|x) of an example with a label. In the paper it is 0.1 · N / (number of labels)."""

    config: Config

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, M2)
        x, classes = batch.x, model.spec.classes
        y = torch.full((len(x),), UNKNOWN, device=x.device) if batch.y is None else batch.y
        log_q, known = model.classify(x), (y != UNKNOWN).float()
        bound = model.bound(x, y, log_q) - known * math.log(classes)
        label = -known * log_q.gather(1, y.clamp_min(0)[:, None])[:, 0]
        return {
            "loss": (self.config.alpha * label - bound).mean(),
            "negative_bound": -bound.detach().mean(),
            "label": label.detach().mean(),
        }
