"""The final evaluation of a run: metrics on every split, baselines, and what the training took."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from genzoo.core.loss import Loss
from genzoo.core.metric import Metric
from genzoo.core.model import Model, count_parameters
from genzoo.data.batching import evaluation_batch
from genzoo.data.run_data import RunData
from genzoo.evaluation.baselines import (
    independent_levels_nll,
    independent_pixels_nll,
    known_gaps,
    known_nll,
    known_nll_of_each,
    pca_mse,
    uniform_nll,
    why_no_pca,
)
from genzoo.evaluation.evaluate import evaluate, key
from genzoo.evaluation.measures import LikelihoodSummary, code_size, summarise_likelihood
from genzoo.experiment.plan import Plan
from genzoo.experiment.training import Trained
from genzoo.runs.model_file import save_examples
from genzoo.runs.run import EXAMPLES_FILE, MODEL_FILE, REPORT_FILE, Run
from genzoo.runs.schema import PCA_ERROR
from genzoo.system.checksummed import read_arrays, stored_digest
from genzoo.system.distributed import Processes
from genzoo.system.memory import memory_explained
from genzoo.training.objective import Objective, objective_terms


class FinalEvaluation:
    """The evaluation of a run's trained model.

    Args:
        model: As it was built: its parameters are counted, for an average of weights has none that are trained.
        loss: Its terms are evaluated where no metric has a value.
        plan: The metrics and the dataset.
        data: The run's data.
        processes: Those that evaluate together.
    """

    def __init__(self, model: Model, loss: Loss, plan: Plan, data: RunData, processes: Processes) -> None:
        self.parameters = count_parameters(model)
        self.loss = loss
        self.plan = plan
        self.data = data
        self.processes = processes

    def write(self, run: Run, trained: Trained) -> None:
        """Evaluate and write the results; a report of earlier results is removed.

        Raises:
            OutOfMemory: Saying which batch size to try.
        """
        size = evaluation_batch(self.data.spec)
        smaller = f"the model is saved: genzoo evaluate {run.path} --batch-size {size // 2}"
        hint = smaller if size > 1 else "the model is saved; use a smaller one"
        with memory_explained(f"the evaluation, with batches of {size}", hint, self.plan.device):
            results = self.results(run, trained)
            if not self.is_measured(results):
                results["objective"] = self.objective_terms(trained.model, trained.outcome.step)
        results["weights"] = stored_digest(run.path / MODEL_FILE)
        (run.path / REPORT_FILE).unlink(missing_ok=True)
        run.write("results.json", results)

    def add(self, run: Run, names: Collection[str]) -> None:
        """Evaluate more metrics of a finished run, and add them to its results and to its options.

        Args:
            run: Its model is evaluated on the data of this evaluation.
            names: Metrics of the plan.
        """
        metrics = {name: metric for name, metric in self.plan.metrics.items() if name in names}
        examples: dict[str, dict[str, Tensor]] = {name: {} for name in self.data.evaluated}
        found, results = self.of_splits(run.model.to(self.plan.device), examples, metrics), run.results
        for split, values in found.items():
            known = results.setdefault(split, {})
            known |= {name: known.get(name, {}) | own if isinstance(own, dict) else own for name, own in values.items()}
        if gaps := self.gaps(found["test"], examples["test"]):
            results["gaps"] = results.get("gaps", {}) | gaps
        if self.is_measured(results):
            results.pop("objective", None)
        stored = {name: torch.from_numpy(values) for name, values in read_arrays(run.path / EXAMPLES_FILE).items()}
        save_examples(run.path / EXAMPLES_FILE, stored | examples["test"])
        config = run.plain_config
        config["training"]["metrics"] = list(dict.fromkeys([*config["training"].get("metrics", []), *names]))
        run.write("results.json", results)
        run.write("config.json", config)

    def is_measured(self, results: Mapping[str, Any]) -> bool:
        """Return whether results have a value of any metric on the test data."""
        return any(isinstance(results["test"].get(key(name)), float) for name in self.plan.metrics)

    def gaps(self, test: Mapping[str, Any], examples: Mapping[str, Tensor]) -> dict[str, Any]:
        """Return how far each −ln p(x) of the test data lies above that of the data's own density, see `known_gaps`."""
        known = known_nll_of_each(self.plan.dataset, self.data.evaluated["test"], self.data.spec)
        return known_gaps(known, test, examples, self.data.spec.measure)

    def results(self, run: Run, trained: Trained) -> dict[str, Any]:
        """Return metrics of every split, the baselines and what the training took; write those of each test example."""
        model, outcome, test = trained.model, trained.outcome, self.data.evaluated["test"]
        examples: dict[str, dict[str, Tensor]] = {name: {} for name in self.data.evaluated}
        results = self.of_splits(model, examples)
        save_examples(run.path / EXAMPLES_FILE, examples["test"])
        own = summarise_likelihood(model, test)
        latents = code_size(model, test)
        results["baselines"] = self.baselines(latents, own)
        if 0 < latents < self.data.spec.numel and (why := why_no_pca(self.data.fitted)):
            results["not_available"] = {"pca": why}
        if gaps := self.gaps(results["test"], examples["test"]):
            results["gaps"] = gaps
        results["measure"] = own and own.measure
        results["likelihood"] = own and own.likelihood
        results["latents"] = latents
        results["parameters"] = self.parameters
        results["training"] = {
            "epochs": len(outcome.epochs),
            "examples": outcome.examples,
            "examples_per_epoch": outcome.examples_per_epoch,
            "step": outcome.step,
            "skipped": outcome.skipped,
            "stopped": outcome.stopped,
            "best_epoch": outcome.best_epoch,
            "mode": outcome.mode.name,
            "seconds": outcome.seconds,
            "images_per_second": outcome.images / max(outcome.seconds, 1e-9),
            "peak_memory": trained.peak_memory,
        }
        return results

    def of_splits(
        self,
        model: Model,
        examples: Mapping[str, dict[str, Tensor]] | None = None,
        metrics: Mapping[str, Metric] | None = None,
    ) -> dict[str, Any]:
        """Return metrics on every split, computed by all processes together; samples are compared with held-out data.

        Args:
            model: The trained model.
            examples: Filled with the values of each example, by split and metric.
            metrics: By name; None: all of the plan.
        """
        wanted = self.plan.metrics if metrics is None else metrics
        return {
            name: evaluate(
                model,
                data,
                {one: metric for one, metric in wanted.items() if not (metric.draws and name == "train")},
                train=self.data.fitted,
                examples=None if examples is None else examples[name],
                processes=self.processes,
            )
            for name, data in self.data.evaluated.items()
        }

    def objective_terms(self, model: Model, step: int) -> dict[str, dict[str, float]]:
        """Return the loss's terms on every split: all that is known of a model for which no metric has a value."""
        objective = Objective(model, self.loss, self.plan.config.training.precision)
        number = torch.tensor(step, device=self.plan.device)
        return {name: objective_terms(objective, data, number) for name, data in self.data.evaluated.items()}

    def baselines(self, latents: int, own: LikelihoodSummary | None) -> dict[str, Any]:
        """Return what a model has to beat (PCA with as many components, independent pixels) and cannot beat.

        Baselines that are probabilities are there for a model whose own p(x|z) is one: a density cannot be compared
        with them.
        """
        train, test, spec = self.data.fitted, self.data.evaluated["test"], self.data.spec
        found: dict[str, Any] = {}
        if 0 < latents < spec.numel:  # as many components as dimensions reconstruct anything
            mse = pca_mse(train, test, latents)
            found |= {} if mse is None else {"pca": {"components": latents, PCA_ERROR: mse}}
        nats: dict[str, Any] = {"known_density": known_nll(self.plan.dataset, test, spec)}
        if own is not None and own.measure == "probability":
            pixels = independent_pixels_nll(train, test)
            nats["independent_pixels"] = independent_levels_nll(train, test) if pixels is None else pixels
            nats["uniform"] = uniform_nll(test)
        return found | {name: value for name, value in nats.items() if value is not None}
