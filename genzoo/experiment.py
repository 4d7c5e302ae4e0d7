"""One run from its configuration to its folder: data, model and loss, training, evaluation, figures."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genzoo import runs, weights
from genzoo.build import build_loss, build_model, choose_device, refuse_uneven_batch, view_spec
from genzoo.console import Console
from genzoo.data.resident import Resident, standardisation
from genzoo.data.splits import fixed_permutation, take
from genzoo.data.store import Store
from genzoo.data.streamed import view_of
from genzoo.entries import describe
from genzoo.errors import NonFiniteError, OutOfMemory, UsageError
from genzoo.evaluation.baselines import (
    independent_levels_nll,
    independent_pixels_nll,
    known_nll,
    pca_mse,
    uniform_nll,
)
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.evaluation.metric import Metric
from genzoo.interrupt import first_interrupt
from genzoo.likelihoods import measure_of, written_out
from genzoo.processes import ALONE, Processes, joined
from genzoo.protocols import Dataset, DataSpec, LatentModel, Loss, Model, Split, Splits, count_parameters
from genzoo.provenance import describe_device, environment, forget_peak, peak_memory
from genzoo.registry import registry
from genzoo.runconfig import Components, RunConfig
from genzoo.runs import EXAMPLES_FILE, MODEL_FILE, TRACE_FILE, Run
from genzoo.training.memory import memory_explained
from genzoo.training.modes import refuse_mode
from genzoo.training.profile import Profile
from genzoo.training.trainer import EVALUATION_BATCH, INTERRUPTED, Epoch, Listener, Outcome, Trainer

FITTED = 100_000
"""Training examples that baselines and metrics are fitted to, at most."""


@dataclass(frozen=True)
class Places:
    """Where a run reads and writes."""

    runs: Path = Path("runs")
    """Run folders are made in here."""
    out: Path | None = None
    """This run's own folder, instead of a new one in `runs`."""
    data_root: Path | None = None
    """Where raw data files lie, instead of the usual places."""
    profile: bool = False
    """Whether to trace some training steps into the run's folder."""


def run(
    model: str,
    dataset: str,
    loss: str = "",
    *,
    data: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    out: str | Path | None = None,
    data_root: str | Path | None = None,
    quiet: bool = False,
    profile: bool = False,
    **options: Any,
) -> Run:
    """Trains a registered model: the same code path as `genzoo run`.

    Args:
        model: A registered model's name.
        dataset: A registered dataset's name.
        loss: A registered loss's name; without it, the model's own.
        data: Options of the dataset, such as {"validation": 0}.
        runs: The folder that run folders are made in.
        out: This run's own folder instead; it must not exist.
        data_root: Where raw data files lie, instead of the usual places.
        quiet: No progress on standard error.
        profile: Trace some training steps into the run's folder and say where their time goes.
        **options: Options of model, loss and trainer, such as latent_dim=2, beta=4.0, epochs=5.

    Returns:
        The finished run: .path, .results, .model, .config.

    Raises:
        UsageError: A name, option or value that does not fit; nothing was started.
        NonFiniteError: The loss became nan or infinite.
        OutOfMemory: A step or the evaluation did not fit.
    """
    config = Components.find(registry(), model, dataset, loss).defaults().replace(data or {}, options)
    places = Places(Path(runs), Path(out) if out else None, Path(data_root) if data_root else None, profile)
    with joined() as processes:
        made = Experiment(config, places, quiet, processes).run()
        return Run(Path(processes.agree(str(made.path) if made else "")))


class Experiment:
    """A run in the making. Whatever can be refused is refused in the constructor, before anything is written."""

    def __init__(self, config: RunConfig, places: Places, quiet: bool = False, processes: Processes = ALONE) -> None:
        self.config = config
        self.processes = processes
        self.places = places
        self.training = config.training
        self.components = Components.find(registry(), config.model, config.dataset, config.loss)
        self.console = Console(self.training.epochs, self.training.batch_size, quiet or not processes.first)
        self.device = choose_device(self.training.device, processes)
        refuse_uneven_batch(self.training.batch_size, processes)
        refuse_mode(self.training, self.device)
        self.peak_memory = 0
        self.metrics: dict[str, Metric] = find_metrics(registry())
        if processes.first:
            runs.refuse_unwritable(places.runs, places.out)
        self.dataset: Dataset = self.components.dataset.load()(config.data_config)
        self.spec: DataSpec = view_spec(self.dataset, self.training)
        seed = self.training.seed
        self.model: Model = build_model(self.components.model, self.spec, config.model_config, seed, self.device)
        self.loss: Loss = build_loss(self.components.loss, self.model, config.loss_config, config.model, seed)

    def run(self) -> Run | None:
        """Trains, evaluates and draws; returns the run. After Ctrl-C its record's status is "interrupted".

        Of several processes the first one writes and returns; the others do their share and return None.

        Raises:
            NonFiniteError: The last finite weights are saved before it is raised.
        """
        store = Store(self.places.data_root, say=self.console.say)
        splits = self.dataset.load(store)
        if self.training.standardize != "none":
            shift, scale = standardisation(splits.train)
            self.model.spec = self.spec = self.spec._replace(shift=shift, scale=scale)
        if self.training.patience and splits.validation is None:
            raise UsageError("--patience needs validation data to judge by", "leave --data.validation at its default")
        evaluated = splits._replace(train=sample_of(splits.train, len(splits.test.x)))
        view = {name: self.resident(split) for name, split in evaluated._asdict().items() if split is not None}
        train = self.resident(splits.train, training=True)
        self.introduce(splits)
        self.processes.meet("data")
        if not self.processes.first:
            self.follow(splits, view, train)
            return None
        run = runs.claim(self.places.runs, self.places.out, self.config.model, self.config.dataset)
        self.console.say(f"run folder  {run.path}")
        run.write("config.json", self.config.to_json())
        record = self.open_record(run, store)
        try:
            outcome = self.train(run, view, train)
            record["mode"] = outcome.mode._asdict()
            if outcome.stopped == INTERRUPTED:
                record["status"] = INTERRUPTED
            else:
                record["status"] = self.finish(run, view, self.whole(splits, train), outcome)
        except KeyboardInterrupt:
            record["status"] = INTERRUPTED
            raise
        except BaseException as error:
            record["status"] = f"failed: {describe(error)}"
            raise
        finally:
            self.console.close()
            record["ended"] = time.time()
            run.write("run.json", record)
        return run

    def follow(self, splits: Splits, view: Mapping[str, Resident], train: Resident) -> None:
        """What the processes beside the first one do: train and evaluate along, and write nothing."""
        outcome = self.fit(view, train, [])
        if outcome.stopped != INTERRUPTED:
            self.figures(view, self.whole(splits, train))

    def whole(self, splits: Splits, train: Resident) -> Resident:
        """The training data, as they are evaluated, for what is fitted to them: a sample of very many."""
        fitted = sample_of(splits.train, FITTED)
        return train if fitted is splits.train and not train.redraw else self.resident(fitted)

    def finish(self, run: Run, view: Mapping[str, Resident], train: Resident, outcome: Outcome) -> str:
        """Evaluates and draws; returns the run's status. The model is saved already, so Ctrl-C is no failure here."""
        try:
            hint = f"the model is saved: genzoo evaluate {run.path} --batch-size {EVALUATION_BATCH // 2}"
            with memory_explained(f"the evaluation, with batches of {EVALUATION_BATCH}", hint, self.device):
                run.write("results.json", self.evaluate(run, view, train, outcome))
            self.draw(run, view)
        except KeyboardInterrupt:
            return INTERRUPTED
        return "finished"

    def resident(self, split: Split, training: bool = False) -> Resident:
        """A split on the device, as the options want it seen."""
        view = (self.device, self.training.binarize, training, self.spec.shift, self.spec.scale)
        say = self.console.say if training else None  # once is enough
        return view_of(split, *view, stream=self.training.stream, say=say)

    def introduce(self, splits: Splits) -> None:
        """One line: what is trained on what."""
        parts = [f"{len(splits.train.x):,} train"]
        if splits.validation:
            parts.append(f"{len(splits.validation.x):,} validation")
        parts.append(f"{len(splits.test.x):,} test")
        parameters = count_parameters(self.model)
        self.console.say(
            f"{self.config.model} ({parameters:,} parameters) on {self.config.dataset} ({' / '.join(parts)})\n"
            f"{written_out(self.spec.likelihood)} likelihood · {describe_device(self.device)} · "
            f"seed {self.training.seed}"
        )
        if self.training.batch_size > len(splits.train.x):
            self.console.warn(
                f"--batch-size {self.training.batch_size:,} is more than there are examples; "
                f"an epoch is one batch of {len(splits.train.x):,}"
            )

    def open_record(self, run: Run, store: Store) -> dict[str, Any]:
        """The provenance, written before the first step."""
        entries = (self.components.model, self.components.loss, self.components.dataset)
        record: dict[str, Any] = {
            "status": "running",
            "started": time.time(),
            "ended": None,
            "seed": self.training.seed,
            "data": {name: {"source": found.source, "sha256": found.sha256} for name, found in store.found.items()},
            **environment(self.device, entries),
        }
        run.write("run.json", record)
        return record

    def train(self, run: Run, view: Mapping[str, Resident], train: Resident) -> Outcome:
        """Trains and saves the model, also where training was interrupted or went astray."""
        listeners: list[Listener] = [Log(run), self.console]
        if self.places.profile:
            listeners.append(Profile(run.path / TRACE_FILE, self.console.say))
        try:
            outcome = self.fit(view, train, listeners)
        except (NonFiniteError, OutOfMemory) as error:
            if self.steps or isinstance(error, NonFiniteError):
                self.save(run, self.model)
                error.hint += f"\nsaved before it: {run.path / MODEL_FILE}"
            raise
        self.save(run, self.model)
        if outcome.best_epoch:
            self.console.say(f"kept the weights of epoch {outcome.best_epoch}, the best on the validation data")
        return outcome

    def fit(self, view: Mapping[str, Resident], train: Resident, listeners: Sequence[Listener]) -> Outcome:
        """Trains; afterwards `self.model` is what is to be saved, also where training went astray."""
        validation = view.get("validation")
        trainer = Trainer(self.model, self.loss, self.training, train, validation, listeners, self.processes)
        profiles = [listener for listener in listeners if isinstance(listener, Profile)]
        for profile in profiles:
            profile.watch(trainer)

        def stop() -> None:
            trainer.stop_requested = True

        forget_peak(self.device)
        try:
            with first_interrupt(stop, quiet=not self.processes.first):
                outcome = trainer.fit()
        finally:
            self.model, self.steps = trainer.trained.model, trainer.step
            self.peak_memory = peak_memory(self.device)
            for profile in profiles:
                profile.close()
        if self.processes.any(trainer.stop_requested):  # perhaps in the last validation, where it stopped nothing
            outcome.stopped = INTERRUPTED
        return outcome

    def save(self, run: Run, model: Model) -> None:
        """Writes the model file."""
        weights.save_model(run.path / MODEL_FILE, model, self.components.model)

    def evaluate(self, run: Run, view: Mapping[str, Resident], train: Resident, outcome: Outcome) -> dict[str, Any]:
        """The final figures of every split, the baselines and what the training took."""
        examples: dict[str, dict[str, Tensor]] = {name: {} for name in view}
        results = self.figures(view, train, examples)
        weights.save_examples(run.path / EXAMPLES_FILE, examples["test"])
        results["baselines"] = self.baselines(train, view["test"])
        results["measure"] = measure_of(self.spec.likelihood, self.spec.binary)
        results["likelihood"] = written_out(self.spec.likelihood)
        results["latents"] = self.latents(view["test"])
        results["parameters"] = count_parameters(self.model)
        seconds = sum(epoch.seconds for epoch in outcome.epochs)
        results["training"] = {
            "epochs": len(outcome.epochs),
            "stopped": outcome.stopped,
            "best_epoch": outcome.best_epoch,
            "mode": outcome.mode.name,
            "seconds": seconds,
            "images_per_second": sum(epoch.images for epoch in outcome.epochs) / seconds,
            "peak_memory": self.peak_memory,
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


class Log(Listener):
    """Writes each epoch to the run's metrics.jsonl."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def epoch_finished(self, record: Epoch) -> None:
        self.run.append(asdict(record))


def sample_of(split: Split, n: int) -> Split:
    """At most n examples by the fixed permutation: the part of the training data that is evaluated."""
    return split if len(split.x) <= n else take(split, fixed_permutation(len(split.x))[:n].sort().values)
