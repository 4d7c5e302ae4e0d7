"""Conditional flow matching."""

from __future__ import annotations

from torch import Tensor

import genzoo
from genzoo.core.noise import standard_normal, uniform
from genzoo_flow_matching.model import FlowMatching


class FlowMatchingLoss(genzoo.Loss):
    """E ‖v(x_t, t) − (x₁ − x₀)‖² with x_t = (1 − t)·x₀ + t·x₁, x₀ ~ N(0, I), x₁ of the data and t uniform on [0, 1].

    Summed over an example and averaged over the batch (Lipman et al. 2023, eq. 23 with σ_min = 0; Liu et al. 2023,
    eq. 1). It does not fall to 0: what remains is the variance of x₁ − x₀ given x_t.
    """

    accepts = FlowMatching

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, FlowMatching)
        x1 = batch.x
        x0 = standard_normal((), x1)
        t = uniform(x1.flatten(1)[:, 0])
        along = t.view(-1, *[1] * (x1.dim() - 1))
        error = model.velocity((1 - along) * x0 + along * x1, t) - (x1 - x0)
        loss = error.square().flatten(1).sum(1).mean()
        return {"loss": loss, "per_dim": loss.detach() / model.spec.numel}
