"""One run from its configuration to its folder: data, model and loss, training, evaluation, figures."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genzoo import checkpoints, runs, weights
from genzoo.build import build_loss, build_model, choose_device, view_spec
from genzoo.console import Console
from genzoo.data.resident import Resident, standardisation
from genzoo.data.splits import fixed_permutation, take
from genzoo.data.store import Store
from genzoo.entries import describe
from genzoo.errors import NonFiniteError, UsageError
from genzoo.evaluation.baselines import independent_pixels_nll, pca_mse, uniform_nll
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.evaluation.metric import Metric
from genzoo.interrupt import exit_code, first_interrupt, heed, terminable
from genzoo.likelihoods import measure_of
from genzoo.lock import locked
from genzoo.protocols import Dataset, DataSpec, LatentModel, Loss, Model, Split, Splits, count_parameters
from genzoo.provenance import describe_device, determinism, environment, peak_memory
from genzoo.registry import registry
from genzoo.runconfig import Components, RunConfig
from genzoo.runs import EXAMPLES_FILE, MODEL_FILE, Run
from genzoo.saving import FOLDER, Log, Saver
from genzoo.sessions import FINISHED, MATTERS, Session, data_of, evaluated_at
from genzoo.training.listener import INTERRUPTED, Outcome
from genzoo.training.snapshot import Snapshot
from genzoo.training.trainer import Trainer

REPORT = "report.html"


@dataclass(frozen=True)
class Places:
    """Where a run reads and writes."""

    runs: Path = Path("runs")
    """Run folders are made in here."""
    out: Path | None = None
    """This run's own folder, instead of a new one in `runs`."""
    data_root: Path | None = None
    """Where raw data files lie, instead of the usual places."""


@dataclass(frozen=True)
class Material:
    """The data of a run, on its device."""

    store: Store
    splits: Splits
    view: dict[str, Resident]
    """What is evaluated, by split: of the training data only a part."""
    train: Resident


class Experiment:
    """A run in the making. Whatever can be refused is refused in the constructor, before anything is written."""

    def __init__(self, config: RunConfig, places: Places, quiet: bool = False) -> None:
        self.config = config
        self.places = places
        self.training = config.training
        self.components = Components.find(registry(), config.model, config.dataset, config.loss)
        self.console = Console(self.training.epochs, self.training.batch_size, quiet)
        self.device = choose_device(self.training.device)
        self.metrics: dict[str, Metric] = find_metrics(registry())
        self.dataset: Dataset = self.components.dataset.load()(config.data_config)
        self.spec: DataSpec = view_spec(self.dataset, self.training)
        seed = self.training.seed
        self.model: Model = build_model(self.components.model, self.spec, config.model_config, seed, self.device)
        self.loss: Loss = build_loss(self.components.loss, self.model, config.loss_config, config.model, seed)
        self.stopped_by = 0
        """The number of the signal that ended it."""

    def run(self) -> Run:
        """Trains, evaluates and draws; returns the run. After Ctrl-C its record's status is "interrupted".

        Raises:
            NonFiniteError: The last finite weights are saved before it is raised.
        """
        runs.refuse_unwritable(self.places.runs, self.places.out)
        with terminable():
            material = self.load()
            self.introduce(material.splits)
            run = runs.claim(self.places.runs, self.places.out, self.config.model, self.config.dataset)
            with locked(run.path):
                self.console.say(f"run folder  {run.path}")
                run.write("config.json", self.config.to_json())
                session = Session(run, self.environment(), data_of(material.store), self.training.seed)
                self.work(run, material, session, self.trainer(material))
        return run

    def load(self) -> Material:
        """The data, as the options want them seen."""
        store = Store(self.places.data_root, say=self.console.say)
        splits = self.dataset.load(store)
        if self.training.standardize != "none":
            shift, scale = standardisation(splits.train)
            self.model.spec = self.spec = self.spec._replace(shift=shift, scale=scale)
        if self.training.patience and splits.validation is None:
            raise UsageError("--patience needs validation data to judge by", "leave --data.validation at its default")
        evaluated = splits._replace(train=sample_of(splits.train, len(splits.test.x)))
        view = {name: self.resident(split) for name, split in evaluated._asdict().items() if split is not None}
        return Material(store, splits, view, self.resident(splits.train, training=True))

    def environment(self) -> dict[str, Any]:
        """Versions, plugins and hardware."""
        return environment(self.device, (self.components.model, self.components.loss, self.components.dataset))

    def trainer(self, material: Material) -> Trainer:
        """A trainer for these data, ready to begin."""
        return Trainer(
            self.model, self.loss, self.training, material.train, material.view.get("validation"), [self.console]
        )

    def work(
        self, run: Run, material: Material, session: Session, trainer: Trainer, start: Snapshot | None = None
    ) -> None:
        """Trains, from a snapshot on if there is one, evaluates and draws; the record tells how it ended.

        Raises:
            GenzooError: Training went astray, or its end could not be saved.
        """
        try:
            outcome = self.train(run, session, trainer, start)
            if outcome.stopped == INTERRUPTED:
                session.status = INTERRUPTED
            else:
                train = self.resident(material.splits.train) if material.train.redraw else material.train
                session.status = self.finish(run, material.view, train, outcome)
        except KeyboardInterrupt:
            session.status = INTERRUPTED
            raise
        except BaseException as error:
            session.status = f"failed: {describe(error)}"
            raise
        finally:
            self.console.close()
            session.close()

    def finish(self, run: Run, view: Mapping[str, Resident], train: Resident, outcome: Outcome) -> str:
        """Evaluates and draws what is missing; returns the run's status. Training is saved: Ctrl-C is no failure."""
        try:
            heed()
            if not evaluated_at(run, outcome.step):
                results = self.evaluate(run, view, train, outcome)
                (run.path / REPORT).unlink(missing_ok=True)  # it is of the former ones
                run.write("results.json", results)
            heed()
            if not (run.path / REPORT).exists():
                self.draw(run, view)
        except KeyboardInterrupt as error:
            self.stopped_by = exit_code(error) - 128
            return INTERRUPTED
        checkpoints.prune(run.path / FOLDER, outcome.step, keep=1)  # enough for more epochs
        return FINISHED

    def resident(self, split: Split, training: bool = False) -> Resident:
        """A split on the device, as the options want it seen."""
        return Resident(split, self.device, self.training.binarize, training, self.spec.shift, self.spec.scale)

    def introduce(self, splits: Splits) -> None:
        """One line: what is trained on what."""
        parts = [f"{len(splits.train.x):,} train"]
        if splits.validation:
            parts.append(f"{len(splits.validation.x):,} validation")
        parts.append(f"{len(splits.test.x):,} test")
        parameters = count_parameters(self.model)
        self.console.say(
            f"{self.config.model} ({parameters:,} parameters) on {self.config.dataset} ({' / '.join(parts)})\n"
            f"{self.spec.likelihood} likelihood · {describe_device(self.device)} · seed {self.training.seed}"
        )

    def train(self, run: Run, session: Session, trainer: Trainer, start: Snapshot | None) -> Outcome:
        """Trains and saves the model, also where training was interrupted or went astray."""

        def stop(number: int) -> None:
            self.stopped_by = number
            trainer.stop_requested = True

        log = Log(run, start.history if start else [], self.console.warn)
        saver = Saver(run, trainer, lambda: self.facts(session, trainer))
        trainer.listeners += [log, saver]
        try:
            with first_interrupt(stop):
                outcome = trainer.fit(start)
            if trainer.stop_requested:  # perhaps at the very end, where it stopped nothing
                outcome.stopped = INTERRUPTED
        except NonFiniteError as error:
            raise self.saved_before(error, run, saver) from None
        self.model = trainer.trained.model
        self.save(run, self.model)
        if outcome.best_epoch:
            self.console.say(f"kept the weights of epoch {outcome.best_epoch}, the best on the validation data")
        if outcome.skipped:
            self.console.warn(f"{outcome.skipped:,} of {outcome.step:,} steps were not finite and left out")
        if unsaved := saver.error or log.error:
            raise unsaved
        return outcome

    def saved_before(self, error: NonFiniteError, run: Run, saver: Saver) -> NonFiniteError:
        """Saves what was there before a step that was not finite; returns the error with where that is."""
        hints = [error.hint]
        resume = f"genzoo resume {run.path} --lr {saver.trainer.smaller_rate()}"
        try:
            if saver.every and saver.write():
                hints.append(f"go on from there: {resume}")
            self.save(run, saver.trainer.trained.model)
            hints.append(f"saved before it: {run.path / MODEL_FILE}")
        except NonFiniteError:  # the weights themselves are not finite
            if checkpoints.published(saver.folder):
                hints.append(f"go on from the last checkpoint: {resume}")
        return NonFiniteError(error.message, "\n".join(hints))

    def facts(self, session: Session, trainer: Trainer) -> dict[str, Any]:
        """What a checkpoint says of how it was made."""
        mode = trainer.outcome.mode.name
        made = {name: session.this[name] for name in MATTERS if name in session.this} | {"mode": mode}
        level = determinism(self.device, mode)
        return {"config": self.config.to_json(), "made": {**made, "determinism": level, "at": time.time()}}

    def save(self, run: Run, model: Model) -> None:
        """Writes the model file."""
        weights.save_model(run.path / MODEL_FILE, model, self.components.model)

    def evaluate(self, run: Run, view: Mapping[str, Resident], train: Resident, outcome: Outcome) -> dict[str, Any]:
        """The final figures of every split, the baselines and what the training took."""
        examples: dict[str, dict[str, Tensor]] = {name: {} for name in view}
        results: dict[str, Any] = {
            name: evaluate(self.model, data, self.metrics, train=train, examples=examples[name])
            for name, data in view.items()
        }
        weights.save_examples(run.path / EXAMPLES_FILE, examples["test"])
        results["baselines"] = self.baselines(train, view["test"])
        results["measure"] = measure_of(self.spec.likelihood, self.spec.binary)
        results["likelihood"] = self.spec.likelihood
        results["latents"] = self.latents(view["test"])
        results["parameters"] = count_parameters(self.model)
        seconds = sum(epoch.seconds for epoch in outcome.epochs)
        results["training"] = {
            "epochs": len(outcome.epochs),
            "step": outcome.step,
            "skipped": outcome.skipped,
            "stopped": outcome.stopped,
            "best_epoch": outcome.best_epoch,
            "seconds": seconds,
            "images_per_second": sum(epoch.images for epoch in outcome.epochs) / max(seconds, 1e-9),
            "peak_memory": peak_memory(self.device),
        }
        return results

    def baselines(self, train: Resident, test: Resident) -> dict[str, Any]:
        """What the model has to beat: PCA with as many components as it has latents, and independent pixels."""
        found: dict[str, Any] = {}
        components = self.latents(test)
        if 0 < components < self.spec.numel:  # as many components as dimensions reconstruct anything
            mse = pca_mse(train, test, components)
            found |= {} if mse is None else {"pca": {"components": components, "mse": mse}}
        nats = {"independent_pixels": independent_pixels_nll(train, test), "uniform": uniform_nll(test)}
        return found | {name: value for name, value in nats.items() if value is not None}

    def latents(self, data: Resident) -> int:
        """How many numbers a code has; 0 for a model without codes."""
        if not isinstance(self.model, LatentModel):
            return 0
        with torch.no_grad():
            return self.model.encode(data.batch(torch.zeros(1, dtype=torch.int64, device=self.device)).x).numel()

    def draw(self, run: Run, view: Mapping[str, Resident]) -> None:
        """The figures and the report. One that fails is a warning: the run's results are already written."""
        from genzoo import figures
        from genzoo.report import write_report

        for failure in figures.draw_all(run, self.model, view):
            self.console.warn(failure)
        try:
            write_report(run)
        except Exception as error:  # as above: a page is worth less than the results
            self.console.warn(f"report.html could not be written: {describe(error)}")


def sample_of(split: Split, n: int) -> Split:
    """At most n examples by the fixed permutation: the part of the training data that is evaluated."""
    return split if len(split.x) <= n else take(split, fixed_permutation(len(split.x))[:n].sort().values)
