"""Training a run: signals, checkpoints, and what is saved where training fails."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Any, NamedTuple

from genzoo.core.errors import NonFiniteError, OutOfMemory
from genzoo.core.listener import INTERRUPTED, OUT_OF_TIME
from genzoo.core.model import Model
from genzoo.core.text import significant
from genzoo.experiment.checkpointing import Checkpointer
from genzoo.experiment.console import Console
from genzoo.experiment.epoch_log import Log
from genzoo.experiment.listeners import RunListeners
from genzoo.runs import checkpoints
from genzoo.runs.config import RunConfig
from genzoo.runs.environment import determinism
from genzoo.runs.model_file import save_model
from genzoo.runs.record import MATTERS, Session
from genzoo.runs.run import MODEL_FILE, TRACE_FILE, Run
from genzoo.system.devices import forget_peak, peak_memory
from genzoo.system.signals import RAISED, first_interrupt
from genzoo.training.base import BaseTrainer
from genzoo.training.callback import Outcome
from genzoo.training.nonfinite import is_wild, smaller_rate
from genzoo.training.profile import Profile
from genzoo.training.snapshot import Snapshot
from genzoo.training.trainer import Trainer


class Trained(NamedTuple):
    """The result of a training."""

    outcome: Outcome
    model: Model
    """What is evaluated and saved: the average of the weights with `--ema`, the best ones with `--patience`."""
    peak_memory: int
    """Bytes."""
    stopped_by: int
    """The number of the signal that ended training; 0 if none did."""


def fit(trainer: BaseTrainer, start: Snapshot | None, profile: Profile | None = None) -> Trained:
    """Train until the end or the first interrupt, which ends the step at hand. All processes call this.

    Args:
        trainer: Its weights are trained.
        start: Where training goes on; None: at the beginning.
        profile: Watches the steps.
    """
    stopped_by, processes = 0, trainer.processes

    def stop(number: int) -> None:
        nonlocal stopped_by
        stopped_by = number
        trainer.stop_requested = True

    if profile and isinstance(trainer, Trainer):
        trainer.listeners.append(profile)
        profile.watch(trainer)
    device = trainer.device
    forget_peak(device, trainer)
    try:
        with first_interrupt(stop, quiet=not processes.first):
            outcome = trainer.fit(start)
    finally:
        peak = peak_memory(device)
        if profile:
            profile.close()
    if processes.any(trainer.stop_requested):  # perhaps at the very end, where it stopped nothing
        outcome.stopped = INTERRUPTED
        for number in RAISED:  # whichever process received it
            if processes.any(stopped_by == number):
                stopped_by = number
    return Trained(outcome, trainer.trained.model, peak, stopped_by)


class TrainingSession:
    """Trains one run in the process that writes it: checkpoints while it trains, and a model file at the end.

    Args:
        run: Its folder.
        config: Its configuration.
        session: The record of this process's work.
        trainer: Ready to begin.
        console: Prints.
        listeners: The run's listeners.
        data_warnings: What is wrong with the data, which may be why a loss is not finite.
    """

    def __init__(
        self,
        run: Run,
        config: RunConfig,
        session: Session,
        trainer: BaseTrainer,
        console: Console,
        listeners: RunListeners,
        data_warnings: list[str],
    ) -> None:
        self.run = run
        self.config = config
        self.session = session
        self.trainer = trainer
        self.console = console
        self.listeners = listeners
        self.data_warnings = data_warnings

    def train(self, start: Snapshot | None, profiled: bool) -> Trained:
        """Train and save the model, also where training was interrupted or failed.

        Raises:
            NonFiniteError: The last finite weights are saved before it is raised.
            OutOfMemory: Whatever was trained is saved before it is raised.
            GenzooError: A checkpoint or the log could not be written.
        """
        trainer, console = self.trainer, self.console
        log = Log(self.run, start.history if start else [], console.warn)
        profile = None
        if profiled and not isinstance(trainer, Trainer):
            console.warn("--profile is left out: a model that is fitted in closed form has no steps")
        elif profiled:
            profile = Profile(self.run.path / TRACE_FILE, console.say)
        with Checkpointer(self.run, trainer, self.facts) if isinstance(trainer, Trainer) else nullcontext() as writer:
            trainer.listeners = [log, *trainer.listeners, *([writer] if writer else []), self.listeners]
            try:
                trained = fit(trainer, start, profile)
            except NonFiniteError as error:
                raise self.saved_before(error, writer) from None
            except OutOfMemory as error:
                if trainer.step:
                    self.save(trainer.trained.model)
                    error.hint += f"\nsaved before it: {self.run.path / MODEL_FILE}"
                raise
        outcome = trained.outcome
        self.session.record["mode"] = outcome.mode._asdict()
        self.save(trained.model)
        if outcome.stopped == OUT_OF_TIME:
            epochs = significant(outcome.images / max(outcome.examples_per_epoch, 1), 3)
            console.say(f"--max-time: ended after {outcome.seconds:.1f} s at step {outcome.step:,}, {epochs} epochs")
        if outcome.stopped == INTERRUPTED and writer and writer.every:
            console.say(f"saved at step {outcome.step:,} in {writer.seconds:.1f} s")
        if outcome.best_epoch:
            console.say(f"kept the weights of epoch {outcome.best_epoch}, the best on the validation data")
        if outcome.skipped:
            console.warn(f"{outcome.skipped:,} of {outcome.step:,} steps were not finite and left out")
        taken = trainer.step - (start.progress.step if start else 0)
        if isinstance(trainer, Trainer) and taken >= len(trainer.body.steps):  # each phase was active
            self.warn_of_untrained(list(trainer.body.without_gradient))
        if unsaved := (writer and writer.error) or log.error:
            raise unsaved
        return trained

    def warn_of_untrained(self, names: list[str]) -> None:
        """Warn of parameters that the loss gives no gradient, such as those of a prior that it does not contain."""
        if names:
            components = self.config.components
            own, count = components.model.loss, len(names)
            which = f"{names[0].partition('.')[2]}{f' and {count - 1} more' if count > 1 else ''}"
            hint = f"; its own loss, {own}, trains all" if components.loss.name != own else ""
            self.console.warn(
                f"the loss {components.loss.name} trains no {which} of {components.model.name}: what has no gradient "
                f"keeps its first values{hint}"
            )

    def saved_before(self, error: NonFiniteError, writer: Checkpointer | None) -> NonFiniteError:
        """Save the weights from before a step that was not finite; return the error with where they are."""
        hints = [error.hint, *self.data_warnings]
        rate = smaller_rate(self.config.training, self.trainer.usual_lr)
        resume = f"genzoo resume {self.run.path} --lr {rate}"
        if wild := is_wild(self.config.training, self.trainer.usual_lr):
            hints.append(f"train it anew: genzoo run --config {self.run.path / 'config.json'} --lr {rate}")
        try:
            if writer and writer.every and writer.write() and not wild:
                hints.append(f"go on from there: {resume}")
            self.save(self.trainer.trained.model)
            hints.append(f"saved before it: {self.run.path / MODEL_FILE}")
        except NonFiniteError:  # the weights themselves are not finite
            if writer and checkpoints.published(writer.folder) and not wild:
                hints.append(f"go on from the last checkpoint: {resume}")
        return NonFiniteError(error.message, "\n".join(hints))

    def facts(self) -> dict[str, Any]:
        """Return what a checkpoint records of how it was made."""
        mode, entry = self.trainer.outcome.mode.name, self.session.entry
        made = {name: entry[name] for name in MATTERS if name in entry} | {"mode": mode}
        level = determinism(self.trainer.device, mode, self.trainer.processes.size)
        return {"config": self.config.to_json(), "made": {**made, "determinism": level, "at": time.time()}}

    def save(self, model: Model) -> None:
        """Write the model file."""
        save_model(self.run.path / MODEL_FILE, model, self.config.components.model)
