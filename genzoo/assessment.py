"""The last look at a trained model: its figures on every split, what it has to beat, and what the training took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genzoo import weights
from genzoo.data.resident import Resident
from genzoo.evaluation.baselines import (
    independent_levels_nll,
    independent_pixels_nll,
    known_nll,
    pca_mse,
    uniform_nll,
)
from genzoo.evaluation.evaluate import evaluate
from genzoo.evaluation.metric import Metric
from genzoo.likelihoods import measure_of, written_out
from genzoo.processes import Processes
from genzoo.protocols import Dataset, DataSpec, LatentModel, Model
from genzoo.runs import EXAMPLES_FILE, Run
from genzoo.training.listener import Outcome


@dataclass(frozen=True)
class Assessment:
    """What is looked at, and by whom."""

    model: Model
    spec: DataSpec
    dataset: Dataset
    metrics: dict[str, Metric]
    processes: Processes
    parameters: int
    """How many numbers were trained: an average of weights has none of its own that are."""

    def results(
        self, run: Run, view: Mapping[str, Resident], train: Resident, outcome: Outcome, peak_memory: int
    ) -> dict[str, Any]:
        """The final figures of every split, the baselines and what the training took; each example's go to the run."""
        examples: dict[str, dict[str, Tensor]] = {name: {} for name in view}
        results = self.figures(view, train, examples)
        weights.save_examples(run.path / EXAMPLES_FILE, examples["test"])
        results["baselines"] = self.baselines(train, view["test"])
        results["measure"] = measure_of(self.spec.likelihood, self.spec.binary)
        results["likelihood"] = written_out(self.spec.likelihood)
        results["latents"] = self.latents(view["test"])
        results["parameters"] = self.parameters
        seconds = sum(epoch.seconds for epoch in outcome.epochs)
        results["training"] = {
            "epochs": len(outcome.epochs),
            "step": outcome.step,
            "skipped": outcome.skipped,
            "stopped": outcome.stopped,
            "best_epoch": outcome.best_epoch,
            "mode": outcome.mode.name,
            "seconds": seconds,
            "images_per_second": sum(epoch.images for epoch in outcome.epochs) / max(seconds, 1e-9),
            "peak_memory": peak_memory,
        }
        return results

    def figures(
        self, view: Mapping[str, Resident], train: Resident, examples: Mapping[str, dict[str, Tensor]] | None = None
    ) -> dict[str, Any]:
        """Every metric on every split, computed by all processes together."""
        return {
            name: evaluate(
                self.model,
                data,
                self.metrics,
                train=train,
                examples=None if examples is None else examples[name],
                processes=self.processes,
            )
            for name, data in view.items()
        }

    def baselines(self, train: Resident, test: Resident) -> dict[str, Any]:
        """What the model has to beat, PCA with as many components and independent pixels, and what none can beat."""
        found: dict[str, Any] = {}
        components = self.latents(test)
        if 0 < components < self.spec.numel:  # as many components as dimensions reconstruct anything
            mse = pca_mse(train, test, components)
            found |= {} if mse is None else {"pca": {"components": components, "mse": mse}}
        pixels = independent_pixels_nll(train, test)
        if pixels is None and measure_of(self.spec.likelihood, self.spec.binary) == "probability":
            pixels = independent_levels_nll(train, test)
        nats = {
            "independent_pixels": pixels,
            "uniform": uniform_nll(test),
            "known_density": known_nll(self.dataset, test, self.spec),
        }
        return found | {name: value for name, value in nats.items() if value is not None}

    def latents(self, data: Resident) -> int:
        """How many numbers a code has; 0 for a model without codes."""
        if not isinstance(self.model, LatentModel):
            return 0
        with torch.no_grad():
            return self.model.encode(data.batch(torch.zeros(1, dtype=torch.int64, device=data.device)).x).numel()
