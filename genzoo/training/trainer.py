"""The trainer: it trains any registered model with any loss that accepts it, and knows none by name."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing

import torch
from torch import Tensor

from genzoo.core.errors import UsageError
from genzoo.core.listener import INTERRUPTED, OUT_OF_TIME, STOPPED, Epoch
from genzoo.core.loss import Loss
from genzoo.core.model import Model
from genzoo.core.noise import derive_seed, generators, seeded, shared
from genzoo.data.batching import evaluation_batch
from genzoo.data.resident import Resident
from genzoo.system.computing import computing
from genzoo.system.distributed import ALONE, Processes
from genzoo.system.memory import memory_explained, smaller_batch
from genzoo.training import snapshot
from genzoo.training.all_reduce import AllReduce, divisible_batch_size
from genzoo.training.base import BaseTrainer
from genzoo.training.callback import Listener, Outcome
from genzoo.training.config import Training
from genzoo.training.early_stopping import EarlyStopping
from genzoo.training.ema import MovingAverage
from genzoo.training.execution import Mode, RunStep, choose_mode, make_step, refuse_mode
from genzoo.training.final_objective import update_early_stopping, validation_terms
from genzoo.training.gather import gathering
from genzoo.training.length import planned_steps
from genzoo.training.nonfinite import not_finite
from genzoo.training.objective import Objective, mark_conditional, objective_terms, set_memory_format
from genzoo.training.step import Step


class StopRequested(Exception):
    """Raised to leave the epoch loop when a stop was requested."""


class Trainer(BaseTrainer):
    """Train a model on device-resident data.

    Randomness is a function of (seed, purpose, step), so no random state is carried from step to step.

    Args:
        model, loss, training, train, validation, listeners, processes: As for `BaseTrainer`.

    Raises:
        UsageError: The device does not support the execution mode, or no term tells which epoch is the best.
        PluginError: The loss's phases leave out parameters, share some or name none.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        training: Training,
        train: Resident,
        validation: Resident | None = None,
        listeners: Sequence[Listener] = (),
        processes: Processes = ALONE,
    ) -> None:
        refuse_mode(training, train.device)
        if training.patience and not loss.watched:
            raise UsageError(
                "no term of this loss tells which epoch is better, as --patience needs", "leave --patience out"
            )
        super().__init__(model, loss, training, train, validation, listeners, processes)
        if self.device.type != "mps":  # before the optimiser, whose moments have the weights' memory format
            set_memory_format(self.objective, torch.channels_last)
        self.batch_size = divisible_batch_size(min(training.batch_size, len(train)), processes)
        self.steps_per_epoch = len(train) // self.batch_size
        self.total_steps = planned_steps(training, self.steps_per_epoch)
        self.epochs = math.ceil(self.total_steps / self.steps_per_epoch)
        self.body = Step(self.objective, training, train.to_batch, self.device, self.total_steps)
        self.optimizer, self.parameters = self.body.optimizer, self.body.parameters
        self.body.processes = processes
        self.all_reduces = [AllReduce(processes, own) for own in self.body.members] if processes.size > 1 else []
        """For each phase, what averages its gradients over the processes."""
        if self.all_reduces:
            self.body.all_reduce = self._all_reduce
        self.stopping = EarlyStopping(training.patience)
        self.depends_on_step: bool | None = None
        """Whether the loss depends on the step; None until the first validation."""
        self.seconds_before = 0.0
        """Time spent in this epoch's steps before `_since`."""
        self._since: float | None = None
        self.seconds_left = math.inf
        """Time that `max_time` left for steps when this epoch began."""
        self.outcome.examples_per_epoch = self.steps_per_epoch * self.batch_size
        self._run_step: RunStep = self.body

    @property
    def average(self) -> MovingAverage | None:
        """The moving average of the weights, or None."""
        return self.body.average

    @property
    def trained(self) -> Objective:
        """The objective with the weights to evaluate and save: those of the moving average if there is one."""
        return self.average.average if self.average else self.objective  # type: ignore[return-value]

    def fit(self, start: snapshot.Snapshot | None = None) -> Outcome:
        """Train until the last epoch, early stopping, the time limit or `stop_requested`.

        Args:
            start: A snapshot to resume from.

        Raises:
            NonFiniteError: The loss or the gradient is nan or infinite; the weights are those before that step.
        """
        what = f"training with batches of {self.batch_size:,}"
        explained = memory_explained(what, smaller_batch(self.batch_size), self.device)
        try:
            with seeded(0), computing(self.device, tf32=True), explained:
                self._prepare(start)
                self._epochs()
                for listener in self.listeners:
                    listener.ended()
                self.stopping.restore_best(self.trained)
        finally:
            for module in {self.objective, self.trained}:  # evaluation then computes as it will after loading
                set_memory_format(module, torch.contiguous_format)
        self.outcome.best_epoch, self.outcome.step = self.stopping.best_epoch, self.step
        self.outcome.skipped, self.outcome.images = int(self.body.skipped), self.step * self.batch_size
        self.outcome.seconds = self._seconds_in_all()
        return self.outcome

    def _epochs(self) -> None:
        """Run the remaining epochs, until early stopping, the time limit or an interruption."""
        finished = self.outcome.epochs
        while len(finished) < self.epochs and not self.stopping.reason(len(finished)):
            try:
                self._start_clock()
                record = self._epoch(len(finished) + 1)
            except StopRequested:
                self._leave_epoch()
                return
            finished.append(record)
            if self.validation_data is not None:
                update_early_stopping(self, record)
            if self.processes.any(bool(stopped := self.tell_epoch(record))):
                self.outcome.stopped = stopped or STOPPED  # only the first process knows why
                return
        self.outcome.stopped = self.stopping.reason(len(finished))

    def _prepare(self, start: snapshot.Snapshot | None = None) -> None:
        """Prepare the model and the loss, restore the snapshot and choose the execution mode."""
        loss, first = self.objective.loss, torch.arange(self.batch_size, device=self.device)
        with generators, torch.no_grad():
            torch.manual_seed(derive_seed(self.training.seed, "prepare"))
            self.objective.model.prepare(self.train_data.batch(first))
            loss.begin(self.objective.model, self.total_steps)
        if self.training.ema:
            self.body.average = MovingAverage(self.objective, self.training.ema)
        if start:
            snapshot.restore(self, start)
        self.processes.broadcast(self.objective.state_dict().values())  # processes may round differently
        self.objective.train()
        mode = choose_mode(self.training, self.device, self.total_steps, self.processes.size, loss.second_order)
        self._set_mode(mode)
        with closing(self.train_data.inputs(self._batches(1))) as examples:
            self._run_step = make_step(self.body, mode, examples, self._set_mode)

    def _set_mode(self, mode: Mode) -> None:
        """Record the execution mode and pass it to the listeners."""
        self.outcome.mode = mode
        for listener in self.listeners:
            listener.mode_chosen(mode)

    def _epoch(self, epoch: int) -> Epoch:
        """Run one pass over the data, or the rest of it after resuming."""
        before = self.step - (epoch - 1) * self.steps_per_epoch
        for listener in self.listeners:
            listener.epoch_started(epoch, self.steps_per_epoch)
        self.objective.train()
        if not before:
            self.body.clear_sums()
            self.seconds_before = 0.0
        self._since, size = time.perf_counter(), self.processes.size
        noise = shared(self.processes.rank, size, self.batch_size // size, self.device)
        left = itertools.islice(self._batches(epoch), before, None)
        with closing(self.train_data.inputs(left)) as batches, noise, gathering(self.processes):
            for done, inputs in enumerate(batches, start=before + 1):
                self._train_step(*inputs)
                if self.is_past_last_step():
                    raise StopRequested
                self._raise_if_stop_requested(also=done < self.steps_per_epoch and self.is_out_of_time())
                for listener in self.listeners:
                    listener.stepped(done, self._means)
        train = self._means(self.steps_per_epoch)  # waits for the device
        self.seconds_before, self._since = self.seconds(), None
        self.require_finite()
        return Epoch(
            epoch=epoch,
            step=self.step,
            train=train,
            validation=self.validate(),
            seconds=self.seconds_before,
            images=self.steps_per_epoch * self.batch_size,
            lr=self.body.learning_rate(self.step - 1),
        )

    def _means(self, steps: int) -> dict[str, float]:
        """Return the mean terms over the epoch's steps so far, by their names in records."""
        return mark_conditional(self.body.means(steps), self.objective.model, self.train_data)

    def seconds(self) -> float:
        """Return the time spent in this epoch's steps so far."""
        return self.seconds_before + (0.0 if self._since is None else time.perf_counter() - self._since)

    def _seconds_in_all(self) -> float:
        """Return the time spent in steps, also in those of the unfinished epoch."""
        inside = self.step > len(self.outcome.epochs) * self.steps_per_epoch
        return sum(epoch.seconds for epoch in self.outcome.epochs) + (self.seconds() if inside else 0.0)

    def _start_clock(self) -> None:
        """Set the time that is left for steps; all processes leave the loop before an epoch if it is up in any."""
        spent, limit = self._seconds_in_all(), float(self.training.max_time)
        self.seconds_left = limit - sum(epoch.seconds for epoch in self.outcome.epochs) if limit else math.inf
        if self.is_past_last_step() or (limit and self.processes.any(spent >= limit)):
            raise StopRequested

    def _leave_epoch(self) -> None:
        """Stop the clock and record why training stopped before the end of an epoch."""
        if not self.stop_requested:
            self.require_finite()  # waits for the device
        self.seconds_before, self._since = self.seconds(), None
        interrupted = self.processes.any(self.stop_requested)
        self.outcome.stopped = INTERRUPTED if interrupted else "" if self.is_past_last_step() else OUT_OF_TIME

    def is_past_last_step(self) -> bool:
        """Return whether training ends here, inside an epoch."""
        return self.step >= self.total_steps and self.step % self.steps_per_epoch > 0

    def is_out_of_time(self) -> bool:
        """Return whether the steps of this epoch took the time that was left."""
        return self.seconds_left < math.inf and self.seconds() >= self.seconds_left

    def _raise_if_stop_requested(self, also: bool = False) -> None:
        """Leave the epoch if a stop was requested, or `also`; all processes leave it after the same step."""
        asked = (reduce.stopped for reduce in self.all_reduces)
        if any(asked) if self.all_reduces else self.stop_requested or also:
            raise StopRequested

    def _all_reduce(self, terms: dict[str, Tensor], phase: int) -> dict[str, Tensor]:
        """Average a phase's gradients and terms over all processes, and share this process's stop request."""
        return self.all_reduces[phase](terms, self.stop_requested or self.is_out_of_time())

    def _batches(self, epoch: int) -> Iterator[Tensor]:
        """Yield this process's rows of the epoch's permutation in whole batches; each epoch leaves out other rows."""
        generator = torch.Generator(self.device).manual_seed(derive_seed(self.training.seed, "order", epoch))
        order = torch.randperm(len(self.train_data), generator=generator, device=self.device)
        order = order[: self.steps_per_epoch * self.batch_size].to(self.train_data.index_device)
        yield from order.view(-1, self.processes.size, self.batch_size // self.processes.size)[:, self.processes.rank]

    def _train_step(self, *inputs: Tensor) -> None:
        """Run one step; on a CPU, check that it was finite."""
        with generators:
            self._run_step(self.step, inputs)
        self.step += 1
        if self.device.type == "cpu":
            self.require_finite()

    def require_finite(self) -> None:
        """Raise unless every step was finite or at most `max_skips` were skipped; `step` is set to the failed step.

        Raises:
            NonFiniteError: A step was not finite; the message names it.
        """
        if self.body.finite:
            return
        if self.training.on_nan == "stop":
            self.step = int(self.body.number)
        raise not_finite(self.body, self.step, self.steps_per_epoch, self.usual_lr)

    def validate(self) -> dict[str, float]:
        """Return the training objective's terms on the validation data, means over examples; {} without such data.

        Each example has its own fixed noise, so the values of two epochs differ by the weights alone. Any other noise
        of a model is seeded by the step.
        """
        if self.validation_data is None:
            return {}
        size = evaluation_batch(self.objective.model.spec)
        with memory_explained(f"validation with batches of {size}", "use a smaller model", self.device):
            self.processes.broadcast(self.trained.buffers())  # running statistics differ between processes
            return validation_terms(self)

    def terms_at(self, step: Tensor, of_step: int | None = None) -> dict[str, float]:
        """Return the validation terms under the objective of `step`; `of_step` seeds noise that is not per example."""
        assert self.validation_data is not None
        with generators:
            self.body.reseed(self.step if of_step is None else of_step, purpose="validation")
            inputs = (self.trained, self.validation_data, step)
            return objective_terms(*inputs, processes=self.processes, each=self._raise_if_stop_requested)
