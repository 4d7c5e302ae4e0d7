"""Whether both levels of a ladder are used."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo_ladder_vae.ladder import LadderInference
from genzoo_ladder_vae.model import LadderVAE


class KLLevels(genzoo.Metric):
    """KL(q(z₂|x)‖p(z₂)), 0 where the top level says nothing; beside it the KL of z₁ given z₂."""

    label = "KL of the top level"
    unit = "nats"
    better = None

    def refuses(self, model: genzoo.Model) -> str | None:
        return None if isinstance(model, LadderVAE) else "no ladder"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        """[B, 2]: of z₁ and of z₂."""
        inference = examined.inference
        assert isinstance(inference, LadderInference)
        return torch.stack(inference.kl_of_levels(), 1)

    def summarise(self, values: Tensor) -> float:
        return values[:, 1].mean().item()

    def standard_error(self, values: Tensor) -> float | None:
        return super().standard_error(values[:, 1])

    def details(self, values: Tensor) -> dict[str, Any]:
        below, top = values.mean(0).tolist()
        return {"below": below, "top": top, "note": f"of the level below {below:.2f}"}
