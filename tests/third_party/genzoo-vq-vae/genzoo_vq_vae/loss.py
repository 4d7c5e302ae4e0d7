"""The objective of the VQ-VAE."""

from __future__ import annotations

from torch import Tensor

import genzoo
from genzoo_vq_vae.codes import Quantised
from genzoo_vq_vae.model import VQVAE


class VQ(genzoo.Loss):
    """−ln p(x|z) − ln p(z) + ‖sg[e] − z‖² + β‖e − sg[z]‖², summed over an example (van den Oord et al. 2017, eq. 3).

    The first distance trains the codebook alone and the second the encoder alone; −ln p(z), the KL of the codes, trains
    the prior alone. "negative_elbo" is the first two terms, in nats, and "distortion" is ‖e − z‖².
    """

    accepts = VQVAE

    @genzoo.config
    class Config:
        commitment: genzoo.NonNegative = 0.25
        """β, how strongly the encoder's output is drawn to the codes."""

    config: Config

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, VQVAE)
        inference = model.infer(batch)
        q = inference.q
        assert isinstance(q, Quantised)
        reconstruction = -inference.px.log_prob(batch.x).mean()
        kl = inference.kl().mean()
        codebook = squared_distance(q.encoded.detach(), q.vectors)
        commitment = squared_distance(q.encoded, q.vectors.detach())
        return {
            "loss": reconstruction + kl + codebook + self.config.commitment * commitment,
            "negative_elbo": (reconstruction + kl).detach(),
            "reconstruction": reconstruction.detach(),
            "kl": kl.detach(),
            "distortion": codebook.detach(),
        }


def squared_distance(one: Tensor, other: Tensor) -> Tensor:
    """Summed over an example, averaged over the batch: [B, ...] twice → 0-d."""
    return (one - other).square().flatten(1).sum(1).mean()
