"""The likelihood of a flow."""

from __future__ import annotations

from typing import Any

from torch import Tensor

import genzoo
from genzoo_flow_matching.model import FlowMatching

LARGEST = 64
"""Numbers an example may have: the exact divergence costs a backward pass for each."""


class FlowNLL(genzoo.Metric):
    """−ln p(x) by the instantaneous change of variables, with the exact divergence (Chen et al. 2018, theorem 1)."""

    label = "−ln p(x) of the flow"
    unit = "nats"

    @genzoo.config
    class Config:
        steps: genzoo.Count = 100
        """Steps of the midpoint method from data to noise."""

    def refuses(self, model: genzoo.Model) -> str | None:
        if not isinstance(model, FlowMatching):
            return "no flow"
        return None if model.spec.numel <= LARGEST else f"for examples of {LARGEST} values at most"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        """[B]."""
        assert isinstance(examined.model, FlowMatching)
        return -examined.model.log_prob(examined.batch.x, self.config.steps)

    def details(self, values: Tensor) -> dict[str, Any]:
        return {"steps": self.config.steps, "note": f"{self.config.steps} steps"}
