"""Minus the log-likelihood of every model that has one: exact, a bound or an estimate, as its details say."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from torch import Tensor

import genzoo
from genzoo.core.metric import Baseline, Role
from genzoo.evaluation.measures import measure_of, why_no_bound
from genzoo_plugins.metrics.bound import negative_elbo, why_no_likelihood, why_no_prior, why_outside
from genzoo_plugins.metrics.iwae import IWAE

ELBO = "negative_elbo"
"""The metric in results that has the same value for a latent model with one posterior sample."""


class NLL(genzoo.Metric):
    """−ln p(x): −log_prob of a density; of a latent model −ELBO, or with k > 1 the importance-weighted bound −L_k."""

    label = "−ln p(x)"
    unit = "nats"
    role: ClassVar[Role | None] = "bound"
    raced = True
    baselines: ClassVar[tuple[Baseline, ...]] = ("independent_pixels", "uniform")

    @genzoo.config
    class Config:
        k: genzoo.Count = 1
        """Posterior samples per example of the importance-weighted bound of a latent model; 1: the ELBO."""
        largest: genzoo.Count = 64
        """Most values of an example for models whose ln p(x) takes several passes of the net."""

    config: Config

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.iwae = IWAE(IWAE.Config(k=config.k))
        self.known: dict[str, Any] = {}
        """The details, as `begin` finds them."""

    def refuses(self, model: genzoo.Model) -> str | None:
        return None if isinstance(model, genzoo.Density) else why_no_prior(model)

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        model = context.model
        if isinstance(model, genzoo.Density):
            numel = model.spec.numel
            if model.passes() > 1 and numel > self.config.largest:
                return f"takes {model.passes():,} passes of the net; genzoo evaluate … --metrics nll:largest={numel}"
            self.known = {"exactness": model.exactness, "measure": measure_of(model, context.data)}
            return why_outside("p(x)", model.support) if self.known["measure"] == "none" else None
        self.known = {"exactness": "bound", "measure": context.example.px.measure}
        self.known |= {"same_as": ELBO} if self.config.k == 1 else {}
        return why_no_bound(context) or why_no_likelihood(context)

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        """Return −ln p(x), [B]; of the importance-weighted bound [B, 2], see `IWAE`."""
        if isinstance(examined.model, genzoo.Density):
            return -examined.log_prob
        return negative_elbo(examined) if self.config.k == 1 else self.iwae.per_example(examined)

    def summarise(self, values: Tensor) -> float:
        return self.of_each(values).mean().item()

    def of_each(self, values: Tensor) -> Tensor:
        return values if values.dim() == 1 else self.iwae.of_each(values)

    def details(self, values: Tensor) -> dict[str, Any]:
        return self.known if values.dim() == 1 else {**self.iwae.details(values), **self.known}


class BitsPerDim(NLL):
    """−ln p(x) in bits per dimension, for probabilities of discrete values: the length of a lossless code."""

    label = "bits per dimension"
    unit = "bits"
    role = None
    baselines = ()

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        if reason := super().begin(context):
            return reason
        self.known.pop("same_as", None)
        called = "p(x)" if isinstance(context.model, genzoo.Density) else "p(x|z)"
        return None if self.known["measure"] == "probability" else f"{called} is a density, not a probability"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        values = super().per_example(examined).double()
        nats_in_a_bit = examined.model.spec.numel * math.log(2)
        return values / nats_in_a_bit if values.dim() == 1 else values / values.new_tensor([nats_in_a_bit, 1.0])
