"""The last look at a trained model: its figures on every split, what it has to beat, and what the training took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genzoo.core.dataset import Dataset, DataSpec
from genzoo.core.metric import Metric
from genzoo.core.model import LatentModel, Model
from genzoo.data.resident import Resident
from genzoo.evaluation.baselines import (
    independent_levels_nll,
    independent_pixels_nll,
    known_nll,
    pca_mse,
    uniform_nll,
)
from genzoo.evaluation.evaluate import evaluate
from genzoo.evaluation.measures import LikelihoodSummary, summarise_likelihood
from genzoo.runs import model_file
from genzoo.runs.run import EXAMPLES_FILE, Run
from genzoo.system.computing import evaluating
from genzoo.system.distributed import Processes
from genzoo.training.callback import Outcome


@dataclass(frozen=True)
class FinalEvaluation:
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
        model_file.save_examples(run.path / EXAMPLES_FILE, examples["test"])
        own = summarise_likelihood(self.model, view["test"])
        results["baselines"] = self.baselines(train, view["test"], own)
        results["measure"] = own and own.measure
        results["likelihood"] = own and own.likelihood
        results["latents"] = self.latents(view["test"])
        results["parameters"] = self.parameters
        seconds = sum(epoch.seconds for epoch in outcome.epochs)
        results["training"] = {
            "epochs": len(outcome.epochs),
            "examples": outcome.examples,
            "examples_per_epoch": outcome.examples_per_epoch,
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

    def baselines(self, train: Resident, test: Resident, own: LikelihoodSummary | None) -> dict[str, Any]:
        """What the model has to beat, PCA with as many components and independent pixels, and what none can beat.

        Probabilities are there for a model whose own p(x|z) is one: no density can be held against them.
        """
        found: dict[str, Any] = {}
        components = self.latents(test)
        if 0 < components < self.spec.numel:  # as many components as dimensions reconstruct anything
            mse = pca_mse(train, test, components)
            found |= {} if mse is None else {"pca": {"components": components, "mse": mse}}
        nats: dict[str, Any] = {"known_density": known_nll(self.dataset, test, self.spec)}
        if own is not None and own.measure == "probability":
            pixels = independent_pixels_nll(train, test)
            nats["independent_pixels"] = independent_levels_nll(train, test) if pixels is None else pixels
            nats["uniform"] = uniform_nll(test)
        return found | {name: value for name, value in nats.items() if value is not None}

    def latents(self, data: Resident) -> int:
        """How many numbers a code has; 0 for a model without codes."""
        if not isinstance(self.model, LatentModel):
            return 0
        with torch.no_grad(), evaluating(self.model):
            return self.model.encode(data.batch(torch.zeros(1, dtype=torch.int64, device=data.device)).x).numel()
