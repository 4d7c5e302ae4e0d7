"""Resuming a run: training from its last checkpoint, and whatever else is missing."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genzoo.comparison.references import with_pinned_runs
from genzoo.core.dataset import Splits
from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.listener import OUT_OF_TIME
from genzoo.core.options import option
from genzoo.core.text import as_typed, significant
from genzoo.data.locations import data_differ, location_hints, locations, moved_hint
from genzoo.data.store import Store
from genzoo.experiment.experiment import Experiment
from genzoo.experiment.job import Job
from genzoo.registry.configs import differing
from genzoo.registry.current import registry
from genzoo.runs import checkpoints
from genzoo.runs.checkpoint_format import to_snapshot
from genzoo.runs.checkpoints import Checkpoint
from genzoo.runs.config import RunConfig
from genzoo.runs.record import Session, data_of, differences, former_record
from genzoo.runs.run import CHECKPOINTS, FINISHED, MODEL_FILE, Run, RunPaths
from genzoo.runs.sections import PARTS
from genzoo.runs.shared_checkpoint import share
from genzoo.system.distributed import ALONE, Processes
from genzoo.system.lock import locked
from genzoo.system.signals import terminable
from genzoo.training.base import BaseTrainer
from genzoo.training.length import AUTO, planned_steps
from genzoo.training.schedule import learning_rate
from genzoo.training.snapshot import Snapshot
from genzoo.training.trainer import Trainer

MAY_CHANGE = (
    *("epochs", "max_steps", "max_time", "lr", "grad_clip", "patience", "on_nan", "max_skips"),
    *("save_every", "listeners", "device", "mode", "stream"),
)
"""Options of the trainer that may change when a run is resumed."""


class Resumption:
    """A run that is resumed. Whatever cannot be done is refused before anything is written.

    Args:
        run: The run.
        config: Its configuration, perhaps with changed options.
        data_root: The folder of raw data files, instead of the usual ones.
        quiet: No progress on standard error.
        processes: The processes that share the work. The first one reads, writes and prints.

    Raises:
        UsageError: An option that may not change.
    """

    def __init__(
        self,
        run: Run,
        config: RunConfig,
        data_root: Path | None = None,
        quiet: bool = False,
        processes: Processes = ALONE,
    ) -> None:
        self.run = run
        self.before = run.config if processes.first else config  # the others need not have the run's folder
        self.processes = processes
        self.free = locations(self.before.data_config)
        self.command = shlex.join(["genzoo", "resume", str(run.path)])
        with location_hints(config.data_config, self.command):
            self.config = config = with_pinned_runs(config, run.path.parent, self.before)
        self.changed = changes(self.before, config)
        if processes.first:
            refuse_changes(self.changed, run, self.free)
        with location_hints(config.data_config, self.command):
            self.experiment = Experiment(config, RunPaths(data_root=data_root), quiet, processes)
        self.say = self.experiment.console.say
        self.warn = self.experiment.console.warn

    def run_on(self) -> bool:
        """Do what is left; return whether anything was.

        Raises:
            UsageError: Another process is writing to the run.
            GenzooError: No checkpoint is whole, or the data are others.
            NonFiniteError: The loss became nan or infinite.
        """
        with terminable(), locked(self.run.path) if self.processes.first else nullcontext():
            if self.processes.first:
                checkpoints.remove_left_overs(self.run.path / CHECKPOINTS)
            if nothing := self.processes.broadcast_object(self.nothing_left() if self.processes.first else ""):
                self.say(nothing)
                return False
            with location_hints(self.config.data_config, self.command):
                job = self.experiment.load(self.refuse_other_data)
            self.processes.barrier("data")
            start = self.start(job) if self.processes.first else self.same_start(job.trainer)
            if self.processes.first:
                self.write(start, job)
                self.tell(start, job.trainer)
                self.experiment.stopped_by = job.work(self.run, self.session(start, job), start)
            else:
                job.follow(start)
        return True

    def session(self, start: Snapshot | None, job: Job) -> Session:
        """Begin the record of this session, which is the first one if the run was killed before it had a record."""
        if not former_record(self.run):
            return job.first_session(self.run)
        changed = {name: list(values) for name, values in self.changed.items()}
        return job.next_session(self.run, start.progress.step if start else 0, changed)

    def write(self, start: Snapshot | None, job: Job) -> None:
        """Bring the run's files to the state of the checkpoint."""
        self.run.write("config.json", self.config.to_json())
        if not former_record(self.run):  # killed while the run's first files were written
            job.write_input_format(self.run)
        self.run.write_history([asdict(record) for record in start.history] if start else [])

    def nothing_left(self) -> str:
        """Return why nothing is left to do; "" if something is."""
        training = self.config.training
        try:
            status, took = self.run.record["status"], self.run.results["training"]
            epochs, step, stopped = int(took["epochs"]), int(took["step"]), str(took["stopped"])
        except (GenzooError, KeyError, TypeError, ValueError):
            return ""
        if status != FINISHED:
            return ""
        if self.experiment.plan.closed_form:
            return f"{self.run.path} is finished: its model was fitted in closed form, in one pass"
        if training.max_steps and step >= training.max_steps:
            more = f"genzoo resume {self.run.path} --max-steps {2 * step}"
            few = f", and {training.max_steps:,} is fewer" * (training.max_steps < step)
            return f"{self.run.path} is finished: {step:,} steps are done{few}. To go on: {more}"
        asked = math.inf if training.epochs == AUTO else training.epochs
        unchanged = not stopped and self.changed.keys().isdisjoint(("epochs", "max_steps"))
        if epochs >= asked or unchanged:
            more = f"genzoo resume {self.run.path} --epochs {2 * epochs}"
            few = f", and {asked} is fewer" * (asked < epochs)
            return f"{self.run.path} is finished: {epochs} epochs are done{few}. To go on: {more}"
        limit, unit = ("max_time", "s") if stopped == OUT_OF_TIME else ("patience", "")
        if stopped and limit not in self.changed:
            more = f"genzoo resume {self.run.path} {option(limit)} {2 * getattr(training, limit):g}{unit}"
            return f"{self.run.path} is finished after {epochs} epochs, {stopped}. To go on: {more}"
        return ""

    def start(self, job: Job) -> Snapshot | None:
        """Return the newest intact checkpoint; None where the run has none yet.

        Raises:
            GenzooError: All are damaged, or there is a model but no checkpoint.
            UsageError: Fewer epochs or steps are asked for than were started.
        """
        trainer = job.trainer
        if self.experiment.plan.closed_form:  # it has no checkpoints: it is fitted again
            share(None, self.processes)
            return None
        assert isinstance(trainer, Trainer)

        def use(checkpoint: Checkpoint) -> tuple[Checkpoint, Snapshot]:
            self.refuse_other_config(checkpoint)
            return checkpoint, to_snapshot(checkpoint, trainer)

        found, problems = checkpoints.newest(self.run.path / CHECKPOINTS, use)
        if not found and (problems or (self.run.path / MODEL_FILE).exists()):
            cleaned = ": genzoo runs clean removes those of finished runs" * (self.run.record.get("status") == FINISHED)
            why = problems[0].message if problems else f"{self.run.path} has no checkpoint to go on from{cleaned}"
            raise GenzooError(why, self.what_is_whole())
        share(found[0] if found else None, self.processes)
        if not found:
            return None
        checkpoint, snapshot = found
        if trainer.total_steps < checkpoint.step:
            training, least, unit = self.config.training, checkpoint.step, "at step"
            if training.max_steps != trainer.total_steps:
                least, unit = math.ceil(checkpoint.step / trainer.steps_per_epoch), "in epoch"
            asked = f"--epochs {training.epochs}" if unit == "in epoch" else f"--max-steps {training.max_steps}"
            raise UsageError(f"{asked}: {self.run.path} is {unit} {least} already", f"ask for {least} or more")
        for problem in problems:
            self.warn(f"{problem.message}; an older checkpoint is used")
        self.warn_of_differences(checkpoint, job)
        return snapshot

    def same_start(self, trainer: BaseTrainer) -> Snapshot | None:
        """Return the checkpoint that the first process chose."""
        checkpoint = share(None, self.processes)
        if not checkpoint:
            return None
        assert isinstance(trainer, Trainer)  # a closed form has no checkpoint
        return to_snapshot(checkpoint, trainer)

    def what_is_whole(self) -> str:
        """Return what to type for a run that cannot be resumed."""
        hints = [f"train it anew: genzoo run --config {self.run.path / 'config.json'}"]
        try:
            self.run.model  # noqa: B018
            hints.insert(0, f"no other checkpoint is whole, but the model is: genzoo evaluate {self.run.path}")
        except GenzooError:
            pass
        return "\n".join(hints)

    def refuse_other_config(self, checkpoint: Checkpoint) -> None:
        """Refuse a checkpoint of other options than the run's.

        An option that is newer than the checkpoint has its default in both.
        """
        made = checkpoint.facts.get("config")
        try:
            whole = RunConfig.from_json(made or {}, registry(), str(checkpoint.path)).to_json()
        except GenzooError:
            whole = {}
        if without_changeable(whole, self.free) != without_changeable(self.config.to_json(), self.free):
            raise GenzooError(f"{checkpoint.path} was made with another config.json than is there now")

    def refuse_other_data(self, store: Store, splits: Splits) -> None:
        """Refuse data that differ from those that the run was trained on.

        Raises:
            GenzooError: With a hint what to type.
        """
        if data_differ(former_record(self.run), data_of(store), splits):
            hint = moved_hint(self.free, self.command) if self.free else f"{self.command} --data-root FOLDER"
            raise GenzooError(f"these are not the data that {self.run.path} was trained on", hint)

    def warn_of_differences(self, checkpoint: Checkpoint, job: Job) -> None:
        """Warn where the resumed run may not be bit-identical to an uninterrupted one."""
        made = checkpoint.facts.get("made")
        now = job.environment()
        apart = differences(made, {**now, "mode": made.get("mode")}) if isinstance(made, Mapping) else []
        if apart:
            self.warn(
                f"not as before: {', '.join(apart[:4])}; results differ from an uninterrupted run in their last digits"
            )

    def tell(self, start: Snapshot | None, trainer: BaseTrainer) -> None:
        """Print where the run resumes and how its schedule changes."""
        training, step = self.config.training, start.progress.step if start else 0
        if not start:
            self.say(f"resuming  {self.run.path}, which has no checkpoint yet: from the beginning")
            return
        assert isinstance(trainer, Trainer)  # a closed form has no checkpoint
        done, planned = (n / trainer.steps_per_epoch for n in (step, trainer.total_steps))
        self.say(f"resuming  {self.run.path} at step {step:,}: {done:,.5g} of {planned:,.5g} epochs are done")
        total = planned_steps(self.before.training, trainer.steps_per_epoch)
        before, now = learning_rate(self.before.training, total), learning_rate(training, trainer.total_steps)
        if step and before(step) != now(step):
            rates = f"the rate goes from {significant(before(step - 1), 2)} to {significant(now(step), 2)}"
            self.say(f"the {training.schedule} now ends at epoch {trainer.epochs}: {rates}")


def changes(before: RunConfig, now: RunConfig) -> dict[str, tuple[Any, Any]]:
    """Return the options that differ, as (before, now), by their keys in `Sections`; the trainer's by their names."""
    found: dict[str, tuple[Any, Any]] = {}
    for part in PARTS:
        for name, values in differing(getattr(before, part), getattr(now, part)).items():
            found[name if part == "training" else now.sections.key(part, name)] = values
    return found


def refuse_changes(changed: Mapping[str, tuple[Any, Any]], run: Run, free: Sequence[str] = ()) -> None:
    """Refuse changes of options that are fixed within a run.

    Args:
        changed: The options that differ, as (before, now).
        run: The run.
        free: Options of its dataset that may change.

    Raises:
        UsageError: Naming them.
    """
    allowed = (*MAY_CHANGE, *(f"data.{name}" for name in free))
    sections = run.config.sections
    keys = {name: sections.key("training", name) if name in sections.names["training"] else name for name in changed}
    fixed = {option(keys[name]): values for name, values in changed.items() if name not in allowed}
    if fixed:
        (name, first), *others = ((name, f"{as_typed(was)}, not {as_typed(now)}") for name, (was, now) in fixed.items())
        also = "".join(f"; {other} is {values}" for other, values in others)
        new = f"genzoo run --config {run.path / 'config.json'}"
        raise UsageError(
            f"{name} cannot change in a run: it is {first}{also}",
            f"these may: {', '.join(map(option, allowed))}\n"
            f"a new run: {' '.join([new, *(f'{name} {as_typed(now)}' for name, (_, now) in fixed.items())])}",
        )


def without_changeable(config: Mapping[str, Any], free: Sequence[str] = ()) -> dict[str, Any]:
    """Return a resolved configuration without the options that may change; `free` are those of the dataset."""
    may_change = {"training": MAY_CHANGE, "data": free}
    fixed = {
        section: {name: value for name, value in (config.get(section) or {}).items() if name not in names}
        for section, names in may_change.items()
    }
    return {**config, **fixed}
