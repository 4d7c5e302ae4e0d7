"""Autoencoders with a prior, whose codes are brought to its distribution as a whole: by a critic, or by slices."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.nets import mlp
from genzoo.core.noise import standard_normal
from genzoo_plugins.autoencoders.ae import AE
from genzoo_plugins.autoencoders.penalised import Penalised


class AEWithPrior(AE):
    """z = f(x) and p(z) = N(0, I): samples are decoded draws of the prior. A point posterior has no KL."""

    def prior(self) -> genzoo.StandardNormal:  # type: ignore[override]
        return genzoo.StandardNormal((self.config.latent_dim,), like=self.anchor)


def prior_samples(p: genzoo.Distribution, z: Tensor) -> Tensor:
    """Return samples of p(z), as many as rows of z. Those of a Gaussian are the same in several processes."""
    if isinstance(p, genzoo.DiagGaussian):
        return p.mean + p.variance.sqrt() * standard_normal((), z)
    return p.rsample((len(z),))


class AdversarialCodes(genzoo.Loss):
    """−ln p(x|z) − λ·ln D(z) for the model, and −ln D(z′) − ln(1 − D(z)) with z′ ~ p(z) for a discriminator of codes
    (Makhzani et al. 2015, section 2; the non-saturating form), in nats.

    D is the logistic function of the critic, and all logarithms are taken of logits. The best critic is
    ln p(z) − ln q(z), with q(z) the distribution of all codes. At q = p "fooling" is ln 2 and "critic" 2 ln 2.
    """

    accepts = genzoo.LatentModel
    needs_prior = True
    watched = ""
    phases = (genzoo.Phase(of="model"), genzoo.Phase("critic", of="loss", betas=(0.5, 0.999)))

    @genzoo.config
    class Config:
        prior_weight: genzoo.NonNegative = 1.0
        """λ, weight of the critic's answer. The paper's updates, by the reconstruction and by the answer, are alike."""
        critic: tuple[genzoo.Count, ...] = (256, 256)
        """Widths of the critic's hidden layers."""

    config: Config

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        assert isinstance(model, genzoo.LatentModel)
        p = model.prior()
        assert p is not None
        self.critic = mlp(p.shape.numel(), config.critic, 1, "leaky-relu")

    def scores(self, z: Tensor) -> Tensor:
        """Return the critic's logits for codes [B, *D]: [B]."""
        return full_precision(self.critic(z.flatten(1))).squeeze(1)

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        if phase == 1:
            with torch.no_grad():
                inference = model.infer(batch)
                assert inference.p is not None
                z, other = inference.z[0], prior_samples(inference.p, inference.z[0])
            return {"critic": (F.softplus(-self.scores(other)) + F.softplus(self.scores(z))).mean()}
        inference = model.infer(batch)
        reconstruction = -inference.px.log_prob(batch.x).mean()
        fooling = F.softplus(-self.scores(inference.z[0])).mean()
        return {
            "loss": reconstruction + self.config.prior_weight * fooling,
            "reconstruction": reconstruction.detach(),
            "fooling": fooling.detach(),
        }


def sliced_wasserstein(x: Tensor, y: Tensor, directions: Tensor) -> Tensor:
    """Return SW₂², the mean of W₂² between the projections of x and y [N, D] on directions of length 1, [D, S].

    W₂² of two sets of N numbers is the mean squared difference of their order statistics.
    """
    one, other = ((points @ directions).sort(0).values for points in (x, y))
    return (one - other).square().mean()


class SlicedWasserstein(Penalised):
    """−ln p(x|z) + λ·SW₂²(q(z), p(z)), with the sliced Wasserstein distance between the codes of a batch and as many
    draws of the prior (Kolouri et al. 2018, eq. 9 and 15).

    The examples of a batch are compared with each other, so the loss of a batch is not the mean of the losses of its
    examples.
    """

    needs_prior = True

    @genzoo.config
    class Config:
        prior_weight: genzoo.NonNegative = 10.0
        """λ, weight of the distance."""
        slices: genzoo.Count = 50
        """Random directions of a step."""

    config: Config

    def penalties(
        self, model: genzoo.LatentModel, batch: genzoo.Batch, inference: genzoo.Inference
    ) -> dict[str, tuple[float, Tensor]]:
        assert inference.p is not None
        z = inference.z[0]
        pair = (z.flatten(1), prior_samples(inference.p, z).flatten(1))
        codes, drawn = (full_precision(genzoo.gather(part)) for part in pair)
        distance = sliced_wasserstein(codes, drawn, directions(pair[0], len(codes), self.config.slices))
        return {"distance": (self.config.prior_weight, distance)}


def directions(z: Tensor, batch: int, slices: int) -> Tensor:
    """Return random directions of length 1, [D, slices], for codes z [B, D]: the same in several processes.

    Args:
        z: The codes of this process.
        batch: The number of codes of all processes.
        slices: The number of directions.
    """
    noise = standard_normal((math.ceil(slices / batch),), z.detach())  # rows of the examples, as in one process
    rows = genzoo.gather(noise.movedim(1, 0).flatten(1)).reshape(-1, z.shape[1])
    return F.normalize(full_precision(rows[:slices]), dim=1).T
