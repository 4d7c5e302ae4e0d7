"""A generator of samples, and the original loss that trains it against a discriminator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.nets import FlatDecoder, FlatEncoder
from genzoo.core.noise import standard_normal
from genzoo.registry.parts import is_for_unit


class Generator(genzoo.Decoder, genzoo.Model):
    """x = G(z) with z ~ N(0, I) (Goodfellow et al. 2014, section 3).

    The critic belongs to the loss: a saved model holds what samples need, and one generator trains with any critic.
    """

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 64
        """Length of z."""
        hidden: tuple[genzoo.Count, ...] = (256, 256)
        """Widths of the generator's hidden layers."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.net = FlatDecoder(config.latent_dim, config.hidden, spec.shape, "relu")
        self.bounded = is_for_unit(spec.likelihood)

    def prior(self) -> genzoo.StandardNormal:
        """p(z)."""
        return genzoo.StandardNormal((self.config.latent_dim,), like=self.anchor)

    def decode(self, z: Tensor) -> Tensor:
        """z [N, D] → x [N, *S], between 0 and 1 where the data are."""
        x = full_precision(self.net(z))
        return x.sigmoid() if self.bounded else x

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return self.decode(self.prior().rsample((n,)))


class Game(genzoo.Loss):
    """A critic, and samples for it: the parts that adversarial losses share.

    A loss of two phases, the critic's and the generator's. Its values do not tell which epoch is better: each is
    measured against the other player.
    """

    accepts: ClassVar[type[genzoo.Model]] = Generator
    watched = ""

    @genzoo.config
    class Config:
        critic: tuple[genzoo.Count, ...] = (256, 256)
        """Widths of the critic's hidden layers."""

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        self.critic = FlatEncoder(model.spec.shape, config.critic, 1, "leaky-relu")

    def scores(self, x: Tensor) -> Tensor:
        """Return the critic's answers for x [B, *S]: [B]."""
        return full_precision(self.critic(x)).squeeze(1)

    def features(self, x: Tensor) -> Tensor:
        """Return the critic's last hidden layer for x [B, *S]: [B, width]; without one, x itself, flattened."""
        *layers, _ = self.critic
        for layer in layers:
            x = layer(x)
        return full_precision(x)

    def slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the critic's answers for x [B, *S] and the squared lengths of their gradients by x: [B] each.

        Both are differentiable, and also defined without gradient. A length is over all values of an example.
        """
        again = torch.is_grad_enabled()
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            answers = self.scores(x)
            (slope,) = torch.autograd.grad(answers.sum(), x, create_graph=again)
        return answers, slope.flatten(1).square().sum(1)

    def codes(self, model: genzoo.Model, batch: genzoo.Batch) -> Tensor:
        """Draw z ~ N(0, I), as many as the batch has examples: [B, D]."""
        return standard_normal((), batch.x.new_empty(len(batch.x), model.config.latent_dim))

    def generated(self, model: genzoo.Model, batch: genzoo.Batch) -> Tensor:
        """Draw as many samples as the batch has examples: [B, *S]."""
        assert isinstance(model, Generator)
        return model.decode(self.codes(model, batch))


def nonsaturating(real: Tensor, fake: Tensor) -> Tensor:
    """Return E −ln D(x) − E ln(1 − D(G(z))) of logits [B]."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def least_squares(real: Tensor, fake: Tensor) -> Tensor:
    """Return ½E(D(x) − 1)² + ½E D(G(z))² of the critic's answers [B] (Mao et al. 2017, arXiv 1611.04076, eq. 9)."""
    return 0.5 * ((real - 1).square().mean() + fake.square().mean())


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """Return E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))) of answers [B] (Lim & Ye 2017, arXiv 1705.02894)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


OBJECTIVES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "nonsaturating": (nonsaturating, lambda fake: F.softplus(-fake)),
    "least-squares": (least_squares, lambda fake: 0.5 * (fake - 1).square()),
    "hinge": (hinge, lambda fake: -fake),
}
"""What the critic minimises for answers to data and to samples, and the generator for the latter."""


class Adversarial(Game):
    """A discriminator's cross-entropy, −E ln D(x) − E ln(1 − D(G(z))), and the generator's −E ln D(G(z)), in nats
    (Goodfellow et al. 2014, algorithm 1 with one step of each, and the non-saturating loss of section 3).

    D is the logistic function of the critic, and all logarithms are taken of logits. The best critic is
    ln p(x) − ln g(x) for data p and samples g. At p = g "critic" is 2 ln 2 and "generator" ln 2. With `objective`
    squared errors or hinges take the place of the logarithms.
    """

    @genzoo.config
    class Config(Game.Config):
        objective: Literal["nonsaturating", "least-squares", "hinge"] = "nonsaturating"
        """Logarithms, squared errors (LSGAN; Mao et al. 2017) or hinges (Lim & Ye 2017)."""

    config: Config

    phases = (
        genzoo.Phase("critic", of="loss", betas=(0.5, 0.999)),  # Radford, Metz & Chintala 2016, section 4
        genzoo.Phase("generator", of="model", betas=(0.5, 0.999)),
    )

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        of_critic, of_generator = OBJECTIVES[self.config.objective]
        if phase == 1:
            return {"generator": of_generator(self.scores(self.generated(model, batch))).mean()}
        with torch.no_grad():
            fakes = self.generated(model, batch)
        return {"critic": of_critic(self.scores(batch.x), self.scores(fakes))}
