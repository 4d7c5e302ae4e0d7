"""A run whose data are loaded and whose model is built: training, evaluation, figures and report."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from genzoo.core.listener import INTERRUPTED, STOPPED
from genzoo.core.model import Model
from genzoo.core.run_reference import parse_pinned, run_references
from genzoo.data.input_format import input_format_of
from genzoo.data.run_data import RunData
from genzoo.experiment.console import Console
from genzoo.experiment.final_evaluation import FinalEvaluation
from genzoo.experiment.listeners import RunListeners
from genzoo.experiment.plan import Plan
from genzoo.experiment.training import Trained, TrainingSession, fit
from genzoo.registry.entries import describe
from genzoo.runs import checkpoints
from genzoo.runs.config import RunConfig, default_training
from genzoo.runs.environment import environment
from genzoo.runs.record import Session, data_of, evaluated_at
from genzoo.runs.run import CHECKPOINTS, FINISHED, INPUT_FORMAT_FILE, REPORT_FILE, Run
from genzoo.system.distributed import Processes
from genzoo.system.memory import give_back_memory
from genzoo.system.messages import detail, stage
from genzoo.system.signals import exit_code, raise_pending_interrupt
from genzoo.training.base import BaseTrainer
from genzoo.training.closed_form import ClosedFormTrainer
from genzoo.training.snapshot import Snapshot
from genzoo.training.trainer import Trainer


class Job:
    """The work of one process at a run.

    Args:
        plan: What was known before.
        data: What was loaded.
        console: Prints.
        processes: Those that share the work.
    """

    def __init__(self, plan: Plan, data: RunData, console: Console, processes: Processes) -> None:
        self.plan = plan
        self.config = plan.config
        self.data = data
        self.console = console
        self.processes = processes
        self.model, self.loss = plan.build(data.spec)
        console.watched = self.loss.watched
        self.evaluation = FinalEvaluation(self.model, self.loss, plan, data, processes)
        heard = [console] if processes.first else []
        training, validation = self.config.training, data.evaluated.get("validation")
        trainer_class: type[BaseTrainer] = ClosedFormTrainer if self.model.in_closed_form() else Trainer
        self.trainer = trainer_class(self.model, self.loss, training, data.train, validation, heard, processes)
        self.trainer.usual_lr = default_training(self.config.components.model).lr
        console.epochs = self.trainer.epochs
        self.listeners = RunListeners(plan.listeners, console.warned)

    def environment(self) -> dict[str, Any]:
        """Return versions, plugins and hardware, as the run's record has them."""
        components = self.config.components
        entries = (components.model, components.loss, components.dataset)
        return {**environment(self.plan.device, entries), "processes": self.processes.size}

    def write_input_format(self, run: Run) -> None:
        """Write what files must look like to be data of the run's model."""
        form = input_format_of(self.plan.dataset, self.data.splits.train, self.data.spec)
        run.write(INPUT_FORMAT_FILE, form.to_json())

    def first_session(self, run: Run) -> Session:
        """Begin the record of a new run."""
        names = self.data.spec.class_names
        made = {**self.environment(), "data_digest": self.data.digest}
        made |= {"class_names": list(names)} if names else {}
        made |= {"runs": used} if (used := runs_used(self.config)) else {}
        return Session(run, made, data_of(self.data.store), self.config.training.seed, self.trainer.epochs)

    def next_session(self, run: Run, step: int, changed: Mapping[str, Any]) -> Session:
        """Begin another session of a run's record.

        Args:
            run: The run.
            step: Where it goes on.
            changed: Options that differ from before, as [before, now].
        """
        seed, epochs = self.config.training.seed, self.trainer.epochs
        return Session(run, self.environment(), data_of(self.data.store), seed, epochs, step, changed)

    def work(self, run: Run, session: Session, start: Snapshot | None, profiled: bool = False) -> int:
        """Train, evaluate and draw; the record says how it ended.

        Args:
            run: Its folder.
            session: Its record, which is closed at the end.
            start: Where training goes on; None: at the beginning.
            profiled: Whether some steps are traced.

        Returns:
            The number of the signal that ended it; 0 if none did.

        Raises:
            GenzooError: Training failed, or its end could not be saved.
        """
        try:
            self.listeners.run_started(run)
            training = TrainingSession(
                run, self.config, session, self.trainer, self.console, self.listeners, self.data.store.warnings
            )
            detail(" · ".join(f"{name} {session.record.get(name)}" for name in ("processor", "threads", "matmul")))
            with stage("training"):
                trained = training.train(start, profiled)
            stopped_by = trained.stopped_by
            if is_unfinished(trained):
                session.status = trained.outcome.stopped
            else:
                session.status, stopped_by = self.finish(run, trained)
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
                self.listeners.run_finished(session.status)
        return stopped_by

    def follow(self, start: Snapshot | None) -> None:
        """Train and evaluate along with the first process, and write nothing."""
        trained = fit(self.trainer, start)
        if not is_unfinished(trained):
            self.evaluation.of_splits(trained.model)

    def finish(self, run: Run, trained: Trained) -> tuple[str, int]:
        """Evaluate and draw what is missing. Training is saved already, so Ctrl-C is no failure here.

        Returns:
            The run's status, and the number of the signal that ended it.
        """
        try:
            give_back_memory()
            raise_pending_interrupt()
            if self.processes.size > 1 or not evaluated_at(run, trained.outcome.step):  # the others evaluate along
                with stage("evaluation"):
                    self.evaluation.write(run, trained)
            raise_pending_interrupt()
            if not (run.path / REPORT_FILE).exists():
                with stage("figures and report"):
                    self.draw(run, trained.model)
        except KeyboardInterrupt as error:
            return INTERRUPTED, exit_code(error) - 128
        checkpoints.prune(run.path / CHECKPOINTS, trained.outcome.step, keep=1)  # enough for more epochs
        return FINISHED, 0

    def add_metrics(self, run: Run, names: Collection[str]) -> None:
        """Evaluate metrics that a finished run lacks, and write its report again."""
        self.evaluation.add(run, names)
        self.report(run)

    def draw(self, run: Run, model: Model) -> None:
        """Draw the figures and write the report. A failure is a warning: the results are already written."""
        from genzoo.figures.draw import draw_all

        for failure in draw_all(run, model, self.data.evaluated, self.plan.dataset):
            self.console.warn(failure)
        self.report(run)

    def report(self, run: Run) -> None:
        """Write the report; a failure is a warning, as for figures."""
        from genzoo.reporting.report import write_report

        try:
            write_report(run)
        except Exception as error:  # a page is worth less than the results
            self.console.warn(f"{REPORT_FILE} could not be written: {describe(error)}")


def is_unfinished(trained: Trained) -> bool:
    """Return whether a training ended before its time, interrupted or stopped by a listener: it is not evaluated."""
    return trained.outcome.stopped == INTERRUPTED or trained.outcome.stopped.startswith(STOPPED)


def runs_used(config: RunConfig) -> dict[str, dict[str, str]]:
    """Return the runs that options name, by option: the path of each and the SHA-256 of its model file."""
    parts = {"model.": config.model_config, "loss.": config.loss_config, "data.": config.data_config}
    named = {prefix + name: text for prefix, own in parts.items() for name, text in run_references(own).items()}
    pinned = {name: parse_pinned(text) for name, text in named.items()}
    return {name: {"path": one.path, "sha256": one.digest} for name, one in pinned.items() if one}
