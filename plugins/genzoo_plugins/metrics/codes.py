"""Metrics of the code z and of the reconstruction from it."""

from __future__ import annotations

from torch import Tensor

import genzoo
from genzoo.core.metric import ACTIVE
from genzoo_plugins.metrics.bound import why_no_prior


class MSE(genzoo.Metric):
    """Squared error a dimension between x and decode(encode(x)), in the data's own units: the metric that all latent
    models share."""

    label = "MSE per dimension"

    def refuses(self, model: genzoo.Model) -> str | None:
        return None if isinstance(model, genzoo.LatentModel) else "no encoder"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return examined.squared_error


class ActiveUnits(genzoo.Metric):
    """How many latents vary with x: Var over x of the posterior mean above 0.01 (Burda et al. 2016, section 5.2).

    The threshold is on the scale of a unit prior, so a model without a prior has no such metric.
    """

    label = "active units"
    better = "higher"

    def refuses(self, model: genzoo.Model) -> str | None:
        return why_no_prior(model)

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return examined.inference.q.mean.flatten(1)

    def why_not_available(self, values: Tensor) -> str | None:
        return None if bool(values.isfinite().all()) else "codes that are not finite"

    def summarise(self, values: Tensor) -> float:
        return float((values.var(0, unbiased=False) > ACTIVE).sum())
