"""Maximum likelihood: minus the log-density of the data."""

from __future__ import annotations

from torch import Tensor

import genzoo


class NLL(genzoo.Loss):
    """−ln p(x) in nats an example; −ln p(x|y) for conditional models."""

    accepts = genzoo.Density

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.Density)
        return {"loss": -model.log_prob(batch.x, batch.y if model.conditional else None).mean()}
