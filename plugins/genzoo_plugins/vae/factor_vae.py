"""FactorVAE's objective: a discriminator between codes and shuffled codes estimates the total correlation."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.nets import mlp
from genzoo.core.noise import uniform


class Factor(genzoo.Loss):
    """−ELBO + γ·TC, with TC = KL(q(z)‖Π q(z_d)) in nats (Kim & Mnih 2018, eq. 2).

    A discriminator D separates codes z ~ q(z) from codes whose latents are each shuffled over the batch, z ~ Π q(z_d).
    For the optimal D, E[ln D(z)/(1 − D(z))] is TC (eq. 3). D belongs to the loss. A step first trains the model, then D
    on the codes of the trained model, with the decay rates of the paper's Adam (algorithm 2, appendix A).
    `total_correlation` is an estimate, as good as D is at this step.

    Algorithm 2 draws the codes to shuffle from a second batch; here one batch gives both, D's real codes in its first
    half and those to shuffle in its second (an odd batch has one example in both). So the examples of a batch are
    compared with each other, and the loss of a batch is not the mean of the losses of its examples.
    """

    phases = (genzoo.Phase(of="model"), genzoo.Phase("discriminator", of="loss", betas=(0.5, 0.9)))

    accepts = genzoo.LatentModel
    needs_prior = True
    rate_options = {"gamma": "γ"}

    @genzoo.config
    class Config:
        gamma: genzoo.NonNegative = 10.0
        """Weight of the total correlation; 0: the ELBO."""
        discriminator: tuple[genzoo.Count, ...] = (512,) * 4
        """Widths of the discriminator's hidden layers; the paper has six of 1,000."""

    config: Config

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        assert isinstance(model, genzoo.LatentModel)
        prior = model.prior()
        assert prior is not None
        self.discriminator = mlp(prior.shape.numel(), config.discriminator, 1, "leaky-relu")

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        if phase == 1:
            with torch.no_grad():
                z = model.infer(batch).z[0].flatten(1)
            return {"discriminator": self.discrimination(z)}
        inference = model.infer(batch)
        reconstruction = -inference.px.log_prob(batch.x).mean()
        kl = inference.kl().mean()
        tc = self.total_correlation(inference.z[0].flatten(1))
        return {
            "loss": reconstruction + kl + self.config.gamma * tc,
            "negative_elbo": (reconstruction + kl).detach(),
            "reconstruction": reconstruction.detach(),
            "kl": kl.detach(),
            "total_correlation": tc.detach(),
        }

    def total_correlation(self, z: Tensor) -> Tensor:
        """Return the mean of D's logit, ln D(z)/(1 − D(z)), over codes [B, D], in nats."""
        return full_precision(self.discriminator(z)).mean()

    def discrimination(self, z: Tensor) -> Tensor:
        """Return D's cross-entropy on codes [B, D], in nats; ln 2 at chance."""
        order, z = genzoo.gather(uniform(z)), genzoo.gather(z)
        half = (len(z) + 1) // 2
        real, others = z[:half], z[-half:]
        shuffled = others.gather(0, order[-half:].argsort(0))
        logits = full_precision(self.discriminator(torch.cat([real, shuffled])))
        return 0.5 * (F.softplus(-logits[:half]).mean() + F.softplus(logits[half:]).mean())
