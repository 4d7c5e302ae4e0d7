"""The ELBO with free bits."""

from __future__ import annotations

import math

from torch import Tensor

import genzoo


class FreeBits(genzoo.Loss):
    """E[−ln p(x|z)] + max(λ, KL(q(z|x)‖p(z))): below λ the KL is not pressed on (Kingma et al. 2016, appendix C.8).

    The latent vector is one group, and the KL is the batch's mean. "negative_elbo" is the bound itself, without λ.
    """

    accepts = genzoo.LatentModel
    needs_prior = True

    @genzoo.config
    class Config:
        free_bits: genzoo.NonNegative = 2.0
        """Bits of KL an example that cost nothing (λ = free_bits · ln 2 nats)."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        inference = model.infer(batch)
        reconstruction = -inference.px.log_prob(batch.x).mean()
        kl = inference.kl().mean()
        return {
            "loss": reconstruction + kl.clamp(min=self.config.free_bits * math.log(2)),
            "negative_elbo": (reconstruction + kl).detach(),
            "reconstruction": reconstruction.detach(),
            "kl": kl.detach(),
        }
