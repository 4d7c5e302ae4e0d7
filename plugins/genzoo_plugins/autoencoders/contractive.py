"""The objective of contractive autoencoders."""

from __future__ import annotations

from torch import Tensor

import genzoo
from genzoo_plugins.autoencoders.jacobian import squared_norm
from genzoo_plugins.autoencoders.penalised import Penalised


class Contractive(Penalised):
    """−ln p(x|z) + λ·‖∂z/∂x‖²_F (Rifai et al. 2011, eq. 4), z the deterministic code of x.

    The paper has the closed form of one sigmoid layer. For any encoder, the norm is estimated here without bias from
    random directions of x, and "contraction" is that estimate.
    """

    second_order = True

    @genzoo.config
    class Config:
        contraction_weight: genzoo.NonNegative = 0.1
        """λ, weight of the squared norm of the encoder's Jacobian."""
        directions: genzoo.Count = 1
        """Random directions for each example."""

    config: Config

    @classmethod
    def refuses(cls, model: genzoo.Model) -> str | None:
        if reason := super().refuses(model):
            return reason
        assert isinstance(model, genzoo.LatentModel)
        if model.spec.kind == "tokens":
            return "it differentiates codes by numbers, and these data are tokens"
        prior = model.prior()
        discrete = prior is not None and prior.measure == "probability"
        return f"the codes of {type(model).__name__} are discrete: their derivative by x is 0" if discrete else None

    def penalties(
        self, model: genzoo.LatentModel, batch: genzoo.Batch, inference: genzoo.Inference
    ) -> dict[str, tuple[float, Tensor]]:
        norm = squared_norm(model.encode, batch.x, self.config.directions).mean()
        return {"contraction": (self.config.contraction_weight, norm)}
