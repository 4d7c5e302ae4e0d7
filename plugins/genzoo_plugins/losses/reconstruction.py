"""Reconstruction alone: the autoencoder's objective."""

from __future__ import annotations

from torch import Tensor

import genzoo


class Reconstruction(genzoo.Loss):
    """−ln p(x|z) at one z of the posterior, in nats an example."""

    accepts = genzoo.LatentModel

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        loss = -model.infer(batch).px.log_prob(batch.x).mean()
        return {"loss": loss, "reconstruction": loss.detach()}
