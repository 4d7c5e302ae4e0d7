"""The importance-weighted bound on ln p(x)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.data.batching import EVALUATION_BYTES, FLOAT32, at_most
from genzoo.evaluation.measures import why_no_bound
from genzoo_plugins.metrics.bound import why_no_likelihood, why_no_prior

ROWS = {"cpu": 4096, "cuda": 65536}
"""The most decodes at a time: few enough for a CPU's caches, many enough for a GPU."""
BYTES = {"cuda": 4 * EVALUATION_BYTES}
"""The largest output of these decodes, in bytes."""
LOOSE = 10.0
"""Number of effective samples below which the bound depends more on q(z|x) than on p(x)."""


class Weights:
    """Σw and Σw² of importance weights that are added in chunks, as logarithms: memory is constant in their number.

    Args:
        batch: Number of examples.
        device: Device of the weights.
    """

    def __init__(self, batch: int, device: torch.device) -> None:
        start = torch.full((batch,), -math.inf, device=device, dtype=torch.float64)
        self.log_sum, self.log_sum_of_squares = start, start.clone()
        self.count = 0

    def add(self, log_weights: Tensor) -> None:
        """Add ln w, [K, B] float64."""
        self.count += len(log_weights)
        self.log_sum = torch.logaddexp(self.log_sum, log_weights.logsumexp(0))
        self.log_sum_of_squares = torch.logaddexp(self.log_sum_of_squares, (2 * log_weights).logsumexp(0))

    def log_mean(self) -> Tensor:
        """Return ln (1/k) Σ w, [B]."""
        return self.log_sum - math.log(self.count)

    def effective_samples(self) -> Tensor:
        """Return (Σw)² / Σw², [B]: between 1 and k."""
        return (2 * self.log_sum - self.log_sum_of_squares).exp()


class IWAE(genzoo.Metric):
    """−L_k = −E ln (1/k) Σ p(x|z)p(z)/q(z|x), at least −ln p(x) and falling with k (Burda et al. 2016, section 3)."""

    label = "−ln p(x), at most"
    unit = "nats"
    role = "bound"
    baselines = ("independent_pixels", "uniform")

    @genzoo.config
    class Config:
        k: genzoo.Count = 100
        """Posterior samples per example."""

    def refuses(self, model: genzoo.Model) -> str | None:
        return why_no_prior(model)

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        return why_no_bound(context) or why_no_likelihood(context)

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        """Return −L_k and the effective number of samples, [B, 2].

        Only as many examples are taken at a time as can have all samples decoded at once; each is encoded once.
        """
        numel, device = examined.model.spec.numel, examined.batch.x.device.type
        rows = at_most(BYTES.get(device, EVALUATION_BYTES), FLOAT32 * numel, ROWS.get(device, ROWS["cpu"]))
        return torch.cat([self._bounds(part, rows) for part in examined.parts(max(1, rows // self.config.k))])

    def _bounds(self, examined: genzoo.EvaluationBatch, rows: int) -> Tensor:
        """Return `per_example` of a few examples, with at most `rows` decodes at a time."""
        x, model = examined.batch.x, examined.model
        assert isinstance(model, genzoo.LatentModel)
        weights = Weights(len(x), torch.device("cpu") if x.device.type == "mps" else x.device)
        chunk = max(1, rows // len(x))
        for done in range(0, self.config.k, chunk):
            found = model.infer(genzoo.Batch(x), min(chunk, self.config.k - done))
            assert found.p is not None
            log_weights = found.px.log_prob(x) + found.p.log_prob(found.z) - found.q.log_prob(found.z)
            weights.add(log_weights.to(weights.log_sum.device).double())
        return torch.stack([-weights.log_mean(), weights.effective_samples()], 1)

    def summarise(self, values: Tensor) -> float:
        return values[:, 0].mean().item()

    def of_each(self, values: Tensor) -> Tensor:
        return values[:, 0]

    def details(self, values: Tensor) -> dict[str, Any]:
        effective = values[:, 1].median().item()
        note = f"k {self.config.k:,}, effective {effective:.3g}{', loose' if effective < LOOSE else ''}"
        return {"k": self.config.k, "effective_samples": effective, "loose": effective < LOOSE, "note": note}
