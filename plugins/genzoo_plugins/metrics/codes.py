"""Metrics of the code z and of the reconstruction from it."""

from __future__ import annotations

from torch import Tensor

import genzoo
from genzoo.core.metric import ACTIVE
from genzoo_plugins.metrics.bound import why_no_prior


class MSE(genzoo.Metric):
    """Mean squared error per dimension of decode(encode(x)), in the data's own units.

    All models that encode and decode have this metric, except those of tokens.
    """

    label = "MSE per dimension"
    role = "error"
    baselines = ("pca",)

    def refuses(self, model: genzoo.Model) -> str | None:
        if not isinstance(model, genzoo.Autoencoder):
            return "no encoder"
        return "there are no distances between tokens" if model.spec.is_discrete else None

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return examined.squared_error


class ActiveUnits(genzoo.Metric):
    """Number of latents whose posterior mean has a variance over x above 0.01 (Burda et al. 2016, section 5.2).

    The threshold is on the scale of a unit prior, so a model without a prior has no such metric.
    """

    label = "active units"
    role = "active"
    better = "higher"

    def refuses(self, model: genzoo.Model) -> str | None:
        return why_no_prior(model)

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return examined.inference.q.centre.flatten(1)

    def why_not_available(self, values: Tensor) -> str | None:
        return None if bool(values.isfinite().all()) else "some codes are not finite"

    def summarise(self, values: Tensor) -> float:
        return float((values.var(0, unbiased=False) > ACTIVE).sum())
