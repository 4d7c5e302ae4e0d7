"""One run from its configuration to its folder: data, model and loss, training, evaluation, figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from genzoo.core.dataset import Dataset, DataSpec, Splits
from genzoo.core.errors import NonFiniteError, OutOfMemory, TooSmallImages, UsageError
from genzoo.core.listener import INTERRUPTED
from genzoo.core.loss import Loss
from genzoo.core.metric import Metric
from genzoo.core.model import Model, count_parameters
from genzoo.data.batching import evaluation_batch
from genzoo.data.form import form_of
from genzoo.data.resident import Resident, standardisation
from genzoo.data.run_data import RunData
from genzoo.data.splits import refuse_odd_labels
from genzoo.data.store import Store
from genzoo.evaluation.evaluate import find_metrics, key
from genzoo.evaluation.measures import summarise_likelihood
from genzoo.experiment.checkpointing import FOLDER, Checkpointer, Log
from genzoo.experiment.console import Console
from genzoo.experiment.final_evaluation import FinalEvaluation
from genzoo.experiment.listeners import RunListeners, find_listeners
from genzoo.registry.current import registry
from genzoo.registry.entries import describe
from genzoo.runs import checkpoints, model_file
from genzoo.runs import run as runs
from genzoo.runs.build import build_loss, build_model, choose_device, refuse_uneven_batch, view_spec
from genzoo.runs.config import Components, RunConfig
from genzoo.runs.environment import describe_device, determinism, environment, forget_peak, peak_memory
from genzoo.runs.record import FINISHED, MATTERS, Session, data_of, evaluated_at
from genzoo.runs.run import FORM_FILE, MODEL_FILE, TRACE_FILE, Run, RunPaths
from genzoo.system.checksummed import stored_digest
from genzoo.system.distributed import ALONE, Processes
from genzoo.system.memory import give_back_memory, memory_explained
from genzoo.system.signals import RAISED, exit_code, first_interrupt, raise_pending_interrupt, terminable
from genzoo.system.threads import overloaded
from genzoo.training.callback import Outcome
from genzoo.training.execution import refuse_mode
from genzoo.training.nonfinite import smaller_rate
from genzoo.training.objective import Objective, objective_terms
from genzoo.training.profile import Profile
from genzoo.training.snapshot import Snapshot
from genzoo.training.trainer import Trainer

REPORT = "report.html"
PLACEHOLDER = 0.5
"""Shift and scale of standardised data until they are read: enough to refuse what does not fit such data."""


def named(spec: DataSpec) -> dict[str, Any]:
    """The names of the classes, for a run's record, where the data have any."""
    return {"class_names": list(spec.class_names)} if spec.class_names else {}


class Experiment:
    """A run in the making. Whatever can be refused is refused in the constructor, before anything is written."""

    def __init__(self, config: RunConfig, paths: RunPaths, quiet: bool = False, processes: Processes = ALONE) -> None:
        self.config = config
        self.processes = processes
        self.paths = paths
        self.training = config.training
        self.components = Components.find(registry(), config.model, config.dataset, config.loss)
        self.console = Console(self.training.epochs, self.training.batch_size, quiet or not processes.first)
        self.device = choose_device(self.training.device, processes)
        refuse_uneven_batch(self.training.batch_size, processes)
        refuse_mode(self.training, self.device)
        self.peak_memory = 0
        self.metrics: dict[str, Metric] = find_metrics(registry())
        self.dataset: Dataset = self.components.dataset.load()(config.data_config)
        self.spec: DataSpec = view_spec(self.dataset, self.training)
        if self.training.standardize != "none":
            self.spec = self.spec._replace(shift=PLACEHOLDER, scale=PLACEHOLDER)
        try:
            self.build()
        except TooSmallImages as error:
            raise error.with_option(getattr(self.dataset, "scaled_by", "")) from None
        heard = find_listeners(registry(), self.training.listeners) if processes.first else {}
        self.run_listeners = RunListeners(heard, self.console.warned)
        self.warnings: list[str] = []
        """What is wrong with the data."""
        self.stopped_by = 0  # the number of the signal that ended it

    def build(self) -> None:
        """Builds model and loss for the data as `spec` describes them.

        Raises:
            UsageError: The model does not fit the data or the machine, or the loss the model.
        """
        config, seed = self.config, self.training.seed
        self.model: Model = build_model(self.components.model, self.spec, config.model_config, seed, self.device)
        self.parameters = count_parameters(self.model)
        self.loss: Loss = build_loss(self.components.loss, self.model, config.loss_config, config.model, seed)

    def run(self) -> Run | None:
        """Trains, evaluates and draws; returns the run. After Ctrl-C its record's status is "interrupted".

        Of several processes the first one writes and returns; the others do their share and return None.

        Raises:
            NonFiniteError: The last finite weights are saved before it is raised.
        """
        if self.processes.first:
            runs.refuse_unwritable(self.paths.runs, self.paths.out)
        with terminable():
            data = self.load()
            self.introduce(data)
            self.processes.barrier("data")
            if not self.processes.first:
                self.follow(data, self.trainer(data))
                return None
            with runs.claim(self.paths.runs, self.paths.out, self.config.model, self.config.dataset) as run:
                self.console.say(f"run folder  {run.path}")
                run.write("config.json", self.config.to_json())
                run.write(FORM_FILE, form_of(self.dataset, data.splits.train, self.spec).to_json())
                made = {**self.environment(), "data_digest": data.digest, **named(self.spec)}
                session = Session(run, made, data_of(data.store), self.training.seed)
                self.work(run, data, session, self.trainer(data), None)
        return run

    def load(self, accept: Callable[[Store, Splits], None] = lambda store, splits: None) -> RunData:
        """The data, as the options want them seen.

        With `--standardize` model and loss are built again, now that their spec is final.

        Args:
            accept: Called with what was loaded, before anything is made of it; may raise.
        """
        store = Store(self.paths.data_root, say=self.console.say)
        splits = self.dataset.load(store)
        accept(store, splits)
        for note in store.notes:
            self.console.say(note)
        for warning in store.warnings if self.processes.first else ():
            self.console.warn(warning)
        self.warnings = store.warnings
        refuse_odd_labels(splits, self.spec.classes, self.config.dataset)
        if self.training.standardize != "none":
            shift, scale = standardisation(splits.train)
            self.spec = self.spec._replace(shift=shift, scale=scale)
            self.build()
        if self.training.patience and splits.validation is None:
            raise UsageError("--patience needs validation data to judge by", "leave --data.validation at its default")
        return RunData(
            store, splits, self.spec, self.device, self.training.binarize, self.training.stream, self.console.say
        )

    def environment(self) -> dict[str, Any]:
        """Versions, plugins and hardware."""
        entries = (self.components.model, self.components.loss, self.components.dataset)
        return {**environment(self.device, entries), "processes": self.processes.size}

    def trainer(self, data: RunData) -> Trainer:
        """A trainer for these data, ready to begin."""
        validation, listeners = data.view.get("validation"), [self.console] if self.processes.first else []
        return Trainer(self.model, self.loss, self.training, data.train, validation, listeners, self.processes)

    def work(self, run: Run, data: RunData, session: Session, trainer: Trainer, start: Snapshot | None) -> None:
        """Trains, from a snapshot on if there is one, evaluates and draws; the record tells how it ended.

        Raises:
            GenzooError: Training went astray, or its end could not be saved.
        """
        try:
            self.run_listeners.run_started(run)
            outcome = self.train(run, session, trainer, start)
            if outcome.stopped == INTERRUPTED:
                session.status = INTERRUPTED
            else:
                session.status = self.finish(run, data, outcome)
        except KeyboardInterrupt:
            session.status = INTERRUPTED
            raise
        except BaseException as error:
            session.status = f"failed: {describe(error)}"
            raise
        finally:
            self.console.close()
            try:
                session.close()
            finally:
                self.run_listeners.run_finished(session.status)

    def follow(self, data: RunData, trainer: Trainer, start: Snapshot | None = None) -> None:
        """What the processes beside the first one do: train and evaluate along, and write nothing."""
        outcome = self.fit(trainer, start)
        if outcome.stopped != INTERRUPTED:
            self.assessment.figures(data.view, data.whole)

    @property
    def assessment(self) -> FinalEvaluation:
        return FinalEvaluation(self.model, self.spec, self.dataset, self.metrics, self.processes, self.parameters)

    def finish(self, run: Run, data: RunData, outcome: Outcome) -> str:
        """Evaluates and draws what is missing; returns the run's status. Training is saved: Ctrl-C is no failure."""
        try:
            give_back_memory()
            raise_pending_interrupt()
            if self.processes.size > 1 or not evaluated_at(run, outcome.step):  # the others evaluate along
                self.evaluate(run, data, outcome)
            raise_pending_interrupt()
            if not (run.path / REPORT).exists():
                self.draw(run, data.view)
        except KeyboardInterrupt as error:
            self.stopped_by = exit_code(error) - 128
            return INTERRUPTED
        checkpoints.prune(run.path / FOLDER, outcome.step, keep=1)  # enough for more epochs
        return FINISHED

    def evaluate(self, run: Run, data: RunData, outcome: Outcome) -> None:
        """Writes the results; the report, which is of the former ones, goes."""
        size = evaluation_batch(self.spec)
        smaller = f"the model is saved: genzoo evaluate {run.path} --batch-size {size // 2}"
        hint = smaller if size > 1 else "the model is saved; use a smaller one"
        with memory_explained(f"the evaluation, with batches of {size}", hint, self.device):
            seen = data.view, data.whole
            results = self.assessment.results(run, *seen, outcome, self.peak_memory)
            if not any(isinstance(results["test"][key(name)], float) for name in self.metrics):
                results["objective"] = self.objective_on(data.view, outcome.step)
        results["weights"] = stored_digest(run.path / MODEL_FILE)
        (run.path / REPORT).unlink(missing_ok=True)
        run.write("results.json", results)

    def objective_on(self, view: Mapping[str, Resident], step: int) -> dict[str, dict[str, float]]:
        """The loss's terms on every split: all that is known of a model for which no metric is."""
        objective = Objective(self.model, self.loss, self.training.precision)
        number = torch.tensor(step, device=self.device)
        return {name: objective_terms(objective, data, number) for name, data in view.items()}

    def introduce(self, data: RunData) -> None:
        """A few lines: what is trained on what."""
        splits = data.splits
        parts = [f"{len(splits.train.x):,} train"]
        if splits.validation:
            parts.append(f"{len(splits.validation.x):,} validation")
        parts.append(f"{len(splits.test.x):,} test")
        parameters = f"{self.parameters:,} parameters"
        if owned := count_parameters(self.loss):
            parameters += f", {owned:,} of the loss"
        self.console.say(
            f"{self.config.model} ({parameters}) on {self.config.dataset} ({' / '.join(parts)})\n"
            f"{self.likelihood(data)}{describe_device(self.device)} · seed {self.training.seed}"
        )
        if self.device.type == "cpu" and torch.get_num_threads() > 1 and (busy := overloaded()):
            self.console.say(busy)
        if self.training.batch_size > len(splits.train.x):
            self.console.warn(
                f"--batch-size {self.training.batch_size:,} is more than there are examples; "
                f"an epoch is one batch of {len(splits.train.x):,}"
            )

    def likelihood(self, data: RunData) -> str:
        """The name of the model's own p(x|z), as the introduction begins a line; "" where it says none."""
        if self.console.quiet:
            return ""
        try:
            own = summarise_likelihood(self.model, data.view["test"])
        except Exception:  # training says better what is wrong with a model
            return ""
        return "" if own is None else f"{own.likelihood} likelihood · "

    def train(self, run: Run, session: Session, trainer: Trainer, start: Snapshot | None) -> Outcome:
        """Trains and saves the model, also where training was interrupted or went astray."""
        log = Log(run, start.history if start else [], self.console.warn)
        profile = Profile(run.path / TRACE_FILE, self.console.say) if self.paths.profile else None
        with Checkpointer(run, trainer, lambda: self.facts(session, trainer)) as checkpointer:
            trainer.listeners = [log, *trainer.listeners, checkpointer, self.run_listeners]
            try:
                outcome = self.fit(trainer, start, profile)
            except NonFiniteError as error:
                raise self.saved_before(error, run, checkpointer) from None
            except OutOfMemory as error:
                if trainer.step:
                    self.save(run, self.model)
                    error.hint += f"\nsaved before it: {run.path / MODEL_FILE}"
                raise
        session.record["mode"] = outcome.mode._asdict()
        self.save(run, self.model)
        if outcome.best_epoch:
            self.console.say(f"kept the weights of epoch {outcome.best_epoch}, the best on the validation data")
        if outcome.skipped:
            self.console.warn(f"{outcome.skipped:,} of {outcome.step:,} steps were not finite and left out")
        if unsaved := checkpointer.error or log.error:
            raise unsaved
        return outcome

    def fit(self, trainer: Trainer, start: Snapshot | None, profile: Profile | None = None) -> Outcome:
        """Trains; afterwards `self.model` is what is to be saved, also where training went astray."""

        def stop(number: int) -> None:
            self.stopped_by = number
            trainer.stop_requested = True

        if profile:
            trainer.listeners.append(profile)
            profile.watch(trainer)
        forget_peak(self.device)
        try:
            with first_interrupt(stop, quiet=not self.processes.first):
                outcome = trainer.fit(start)
        finally:
            self.model = trainer.trained.model
            self.peak_memory = peak_memory(self.device)
            if profile:
                profile.close()
        if self.processes.any(trainer.stop_requested):  # perhaps at the very end, where it stopped nothing
            outcome.stopped = INTERRUPTED
            for number in RAISED:  # whichever of them it came to
                if self.processes.any(self.stopped_by == number):
                    self.stopped_by = number
        return outcome

    def saved_before(self, error: NonFiniteError, run: Run, checkpointer: Checkpointer) -> NonFiniteError:
        """Saves what was there before a step that was not finite; returns the error with where that is."""
        hints = [error.hint, *self.warnings]
        resume = f"genzoo resume {run.path} --lr {smaller_rate(self.training)}"
        try:
            if checkpointer.every and checkpointer.write():
                hints.append(f"go on from there: {resume}")
            self.save(run, checkpointer.trainer.trained.model)
            hints.append(f"saved before it: {run.path / MODEL_FILE}")
        except NonFiniteError:  # the weights themselves are not finite
            if checkpoints.published(checkpointer.folder):
                hints.append(f"go on from the last checkpoint: {resume}")
        return NonFiniteError(error.message, "\n".join(hints))

    def facts(self, session: Session, trainer: Trainer) -> dict[str, Any]:
        """What a checkpoint says of how it was made."""
        mode = trainer.outcome.mode.name
        made = {name: session.this[name] for name in MATTERS if name in session.this} | {"mode": mode}
        level = determinism(self.device, mode, self.processes.size)
        return {"config": self.config.to_json(), "made": {**made, "determinism": level, "at": time.time()}}

    def save(self, run: Run, model: Model) -> None:
        """Writes the model file."""
        model_file.save_model(run.path / MODEL_FILE, model, self.components.model)

    def draw(self, run: Run, view: Mapping[str, Resident]) -> None:
        """The figures and the report. One that fails is a warning: the run's results are already written."""
        from genzoo.figures import draw as figures
        from genzoo.reporting.report import write_report

        for failure in figures.draw_all(run, self.model, view):
            self.console.warn(failure)
        try:
            write_report(run)
        except Exception as error:  # as above: a page is worth less than the results
            self.console.warn(f"report.html could not be written: {describe(error)}")
