"""Reconstruction and a weighted penalty: what the losses of autoencoders without a likelihood bound share."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

import genzoo


class Penalised(genzoo.Loss):
    """−ln p(x|z) at one z of the posterior, plus weighted penalties, all in nats an example.

    A subclass defines `penalties`. Each is also reported, without its weight.
    """

    accepts = genzoo.LatentModel

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        inference = model.infer(batch)
        reconstruction = loss = -inference.px.log_prob(batch.x).mean()
        terms = {"reconstruction": reconstruction.detach()}
        for name, (weight, penalty) in self.penalties(model, batch, inference).items():
            loss = loss + weight * penalty
            terms[name] = penalty.detach()
        return {"loss": loss, **terms}

    @abstractmethod
    def penalties(
        self, model: genzoo.LatentModel, batch: genzoo.Batch, inference: genzoo.Inference
    ) -> dict[str, tuple[float, Tensor]]:
        """Return the weight and the value, a mean over the batch, of each penalty by its name."""
