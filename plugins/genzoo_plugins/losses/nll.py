"""Maximum likelihood: minus the log-density of the data."""

from __future__ import annotations

from torch import Tensor

import genzoo


class NLL(genzoo.Loss):
    """−ln p(x) in nats an example; −ln p(x|y) for conditional models."""

    accepts = genzoo.Density

    @classmethod
    def refuses(cls, model: genzoo.Model) -> str | None:
        if isinstance(model, genzoo.Density) and model.exactness == "estimate":
            return f"ln p(x) of {type(model).__name__} is an estimate without a gradient"
        return super().refuses(model)

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.Density)
        return {"loss": -model.log_prob(batch.x, batch.y if model.conditional else None).mean()}
