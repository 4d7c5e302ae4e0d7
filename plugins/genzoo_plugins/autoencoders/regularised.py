"""The objective of regularised autoencoders, whose decoder is smooth without noise."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

import genzoo
from genzoo_plugins.autoencoders.jacobian import squared_norm
from genzoo_plugins.autoencoders.penalised import Penalised


class Regularised(Penalised):
    """−ln p(x|z) + β·½‖z‖² + λ·R with R = ‖θ‖² of the decoder (RAE-L2), or ‖∂x̂/∂z‖²_F (RAE-GP) (Ghosh et al. 2020,
    eq. 5 – 9).

    R is in the loss and not in the optimiser, so that Adam does not rescale it. The gradient is of the decoder with
    respect to z, not to x through the encoder, and its norm is the mean over one random direction for each example.
    Samples need a density of the codes that is fitted afterwards: `genzoo sample RUN --sampler gmm:10`.
    """

    @genzoo.config
    class Config:
        regulariser: Literal["l2", "gradient"] = "l2"
        """What keeps the decoder smooth: the square of its weights, or of its gradient by z."""
        code_weight: genzoo.NonNegative = 1e-2
        """β, weight of ½‖z‖²."""
        decoder_weight: genzoo.NonNegative = 1e-3
        """λ, weight of the regulariser of the decoder."""

    config: Config

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        self.second_order = config.regulariser == "gradient"

    @classmethod
    def refuses(cls, model: genzoo.Model) -> str | None:
        if reason := super().refuses(model):
            return reason
        named = isinstance(getattr(model, "decoder", None), nn.Module)
        return None if named else f"it regularises a net called decoder, and {type(model).__name__} has none"

    def penalties(
        self, model: genzoo.LatentModel, batch: genzoo.Batch, inference: genzoo.Inference
    ) -> dict[str, tuple[float, Tensor]]:
        z = inference.z[0]
        codes = 0.5 * z.flatten(1).square().sum(1).mean()
        if self.config.regulariser == "l2":
            assert isinstance(model.decoder, nn.Module)
            smooth = torch.stack([weight.square().sum() for weight in model.decoder.parameters()]).sum()
        else:
            smooth = squared_norm(model.decode, z).mean()
        return {"codes": (self.config.code_weight, codes), "decoder": (self.config.decoder_weight, smooth)}
