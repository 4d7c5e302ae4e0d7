"""The trainer: it runs any registered model with any loss that accepts it, and knows none by name."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import torch
from torch import Tensor

from genzoo.core.listener import INTERRUPTED, Epoch
from genzoo.core.loss import Loss
from genzoo.core.model import Model
from genzoo.core.noise import derive_seed, generators, keyed, seeded, shared
from genzoo.data.batching import EVALUATION_BATCH, evaluation_batch
from genzoo.data.resident import Resident
from genzoo.system.computing import computing, evaluating
from genzoo.system.distributed import ALONE, Processes
from genzoo.system.memory import memory_explained, smaller_batch
from genzoo.training import snapshot
from genzoo.training.all_reduce import Exchange, whole_batch
from genzoo.training.callback import Listener, Outcome
from genzoo.training.config import Training
from genzoo.training.early_stopping import EarlyStopping
from genzoo.training.execution import Mode, RunStep, choose_mode, make_step, refuse_mode
from genzoo.training.nonfinite import not_finite
from genzoo.training.objective import Objective, set_memory_format, told_apart
from genzoo.training.optimizer import MovingAverage, learning_rate
from genzoo.training.step import Step
from genzoo.training.yardstick import judge, validated


class StopRequested(Exception):
    """Somebody asked for an end, in a place that has no end of its own nearby."""


class Trainer:
    """Trains a model on device-resident data.

    Randomness is a function of (seed, purpose, step), so nothing needs to be carried from step to step.

    Args:
        model: On its device.
        loss: Built for that model; parameters of its own are trained along.
        training: Options.
        train: Training examples.
        validation: Held-out examples, or None.
        listeners: Hear of epochs and steps.
        processes: Those that share each batch.

    Raises:
        UsageError: A mode that the device does not have.
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
        self.processes = processes
        self.training = training
        self.train_data = train
        self.validation_data = validation
        self.listeners = list(listeners)
        self.device = train.device
        self.objective = Objective(model, loss, training.precision)
        if self.device.type != "mps":
            set_memory_format(
                self.objective, torch.channels_last
            )  # before the optimiser: its moments lie as the weights do
        self.batch_size = whole_batch(min(training.batch_size, len(train)), processes)
        self.steps_per_epoch = len(train) // self.batch_size
        self.total_steps = training.epochs * self.steps_per_epoch
        self.body = Step(self.objective, training, train.to_batch, self.device, self.total_steps)
        self.optimizer = self.body.optimizer
        self.parameters = self.body.parameters
        self.exchange = Exchange(processes, self.parameters) if processes.size > 1 else None
        if self.exchange:
            self.body.exchange = self._exchange
        self.stopping = EarlyStopping(training.patience)
        self.moves: bool | None = None
        """Whether the loss changes with the step; None: not known yet."""
        self.step = 0
        self.seconds_before = 0.0  # spent in this epoch's steps, up to …
        self._since: float | None = None
        self.outcome = Outcome(examples=len(train), examples_per_epoch=self.steps_per_epoch * self.batch_size)
        self.stop_requested = False
        self._run_step: RunStep = self.body

    @property
    def average(self) -> MovingAverage | None:
        """The moving average of the weights, where one was asked for."""
        return self.body.average

    @property
    def trained(self) -> Objective:
        """The objective with the weights to evaluate and save: the moving average where there is one."""
        return self.average.average if self.average else self.objective  # type: ignore[return-value]

    def fit(self, start: snapshot.Snapshot | None = None) -> Outcome:
        """Trains to the end, to early stopping or until `stop_requested`.

        Args:
            start: Where to go on, instead of at the beginning.

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
                self.stopping.give_back(self.trained)
        finally:
            for module in {self.objective, self.trained}:  # evaluated as they will be when they are loaded again
                set_memory_format(module, torch.contiguous_format)
        self.outcome.best_epoch, self.outcome.step = self.stopping.best_epoch, self.step
        self.outcome.skipped = int(self.body.skipped)
        return self.outcome

    def _epochs(self) -> None:
        """All epochs that are left, up to early stopping or an interruption."""
        finished = self.outcome.epochs
        while len(finished) < self.training.epochs and not self.stopping.reason(len(finished)):
            try:
                record = self._epoch(len(finished) + 1)
            except StopRequested:
                self.outcome.stopped = INTERRUPTED
                return
            finished.append(record)
            if self.validation_data is not None:
                judge(self, record)
            for listener in self.listeners:
                listener.epoch_finished(record)
        self.outcome.stopped = self.stopping.reason(len(finished))

    def warn(self, text: str) -> None:
        """Tells the listeners what the user should read."""
        for listener in self.listeners:
            listener.warned(text)

    def _prepare(self, start: snapshot.Snapshot | None = None) -> None:
        first = torch.arange(self.batch_size, device=self.device)
        with generators, torch.no_grad():
            torch.manual_seed(derive_seed(self.training.seed, "prepare"))
            self.objective.model.prepare(self.train_data.batch(first))
        if self.training.ema:
            self.body.average = MovingAverage(self.objective, self.training.ema)
        if start:
            snapshot.put_back(self, start)
        self.processes.broadcast(self.objective.state_dict().values())  # the same already, where rounding is
        self.objective.train()
        mode = choose_mode(self.training, self.device, self.total_steps, self.processes.size)
        self._in_mode(mode)
        with closing(self.train_data.inputs(self._batches(1))) as examples:
            self._run_step = make_step(self.body, mode, examples, self._in_mode)

    def _in_mode(self, mode: Mode) -> None:
        """Notes and tells how the steps are run from now on."""
        self.outcome.mode = mode
        for listener in self.listeners:
            listener.mode_chosen(mode)

    def _epoch(self, epoch: int) -> Epoch:
        """One pass over the data, or what is left of it."""
        before = self.step - (epoch - 1) * self.steps_per_epoch
        for listener in self.listeners:
            listener.epoch_started(epoch, self.steps_per_epoch)
        self.objective.train()
        if not before:
            self.body.clear_sums()
            self.seconds_before = 0.0
        self._since = time.perf_counter()
        size = self.processes.size
        noise = shared(self.processes.rank, size, self.batch_size // size, self.device)
        left = itertools.islice(self._batches(epoch), before, None)
        with closing(self.train_data.inputs(left)) as batches, noise:
            for done, inputs in enumerate(batches, start=before + 1):
                self._train_step(*inputs)
                self._heed()
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
            lr=learning_rate(self.training, self.step - 1, self.total_steps),
        )

    def _means(self, steps: int) -> dict[str, float]:
        """The means of the terms over the epoch's steps so far, by the names that records have."""
        return told_apart(self.body.means(steps), self.objective.model, self.train_data)

    def seconds(self) -> float:
        """Time spent in this epoch's steps so far."""
        return self.seconds_before + (0.0 if self._since is None else time.perf_counter() - self._since)

    def _heed(self) -> None:
        """Ends the epoch if that was asked for; of several processes all end after the same step."""
        if self.exchange.stopped if self.exchange else self.stop_requested:
            raise StopRequested

    def _exchange(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Gradients and terms averaged over all processes, and whether one of them wants to stop."""
        assert self.exchange is not None
        return self.exchange(terms, self.stop_requested)

    def _batches(self, epoch: int) -> Iterator[Tensor]:
        """This process's rows of the epoch's permutation in whole batches; another rest is left over in each epoch."""
        generator = torch.Generator(self.device).manual_seed(derive_seed(self.training.seed, "order", epoch))
        order = torch.randperm(len(self.train_data), generator=generator, device=self.device)
        order = order[: self.steps_per_epoch * self.batch_size].to(self.train_data.index_device)
        yield from order.view(-1, self.processes.size, self.batch_size // self.processes.size)[:, self.processes.rank]

    def _train_step(self, *inputs: Tensor) -> None:
        with generators:
            self._run_step(self.step, inputs)
        self.step += 1
        if self.device.type == "cpu":
            self.require_finite()

    def require_finite(self) -> None:
        """Raises unless every step was finite, or as few were skipped as may be; then `step` counts those before it.

        Raises:
            NonFiniteError: Naming the step.
        """
        if self.body.finite:
            return
        if self.training.on_nan == "stop":
            self.step = int(self.body.number)
        raise not_finite(self.body, self.step, self.steps_per_epoch)

    def validate(self) -> dict[str, float]:
        """The training objective on the validation data, averaged over images; {} if there are none.

        The noise belongs to each image, so the figures of two epochs differ by the weights alone. Models that draw
        other noise find it seeded by the step.
        """
        if self.validation_data is None:
            return {}
        size = evaluation_batch(self.objective.model.spec)
        with memory_explained(f"validation with batches of {size}", "use a smaller model", self.device):
            self.processes.broadcast(self.trained.buffers())  # running statistics are of each process's own examples
            return validated(self)

    def terms_at(self, step: Tensor, of_step: int | None = None) -> dict[str, float]:
        """The validation's terms by the objective of a step. Other noise than each image's is that of `of_step`."""
        assert self.validation_data is not None
        with generators:
            self.body.reseed(self.step if of_step is None else of_step, "validation")
            watched = (self.trained, self.validation_data, step)
            return objective_terms(*watched, processes=self.processes, each=self._heed)


@torch.no_grad()
def objective_terms(
    objective: Objective,
    data: Resident,
    step: Tensor,
    batch_size: int = EVALUATION_BATCH,
    processes: Processes = ALONE,
    each: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """The objective's terms on a whole split: means over its images, whatever the batch size or number of processes.

    `batch_size` is the most that are computed with at a time: large examples come in smaller batches. `each` is called
    before each batch, and may raise.
    """
    batch_size = evaluation_batch(objective.model.spec, batch_size)
    batches = torch.arange(len(data), device=data.device).split(batch_size)
    mine = processes.mine(len(batches))
    sums: dict[int, list[float]] = {}
    with evaluating(objective):
        for number in mine or [0]:  # even a process without work has to know how many terms there are
            each()
            with keyed(data.keys[batches[number]]):
                terms = objective(data.batch(batches[number]), step)
            sums[number] = [float(value) * len(batches[number]) for value in terms.values()]
    every = torch.zeros(len(batches), len(terms), dtype=torch.float64)
    for number in mine:
        every[number] = torch.tensor(sums[number], dtype=torch.float64)
    processes.all_reduce(every)
    means = {name: sum(column) / len(data) for name, column in zip(terms, every.T.tolist(), strict=True)}
    return told_apart(means, objective.model, data)
