"""The trainer: it runs any registered model with any loss that accepts it, and knows none by name."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import torch
from torch import Tensor

from genzoo.data.resident import Resident
from genzoo.errors import NonFiniteError, UsageError
from genzoo.noise import keyed, mix, seeded, shared
from genzoo.processes import ALONE, Processes
from genzoo.protocols import Loss, Model
from genzoo.training.exchange import Exchange
from genzoo.training.memory import keep_memory, memory_explained, smaller_batch
from genzoo.training.modes import Mode, RunStep, choose_mode, make_step, refuse_mode
from genzoo.training.objective import Objective, evaluating, lay_out, tensor_cores
from genzoo.training.optimizer import MovingAverage, learning_rate
from genzoo.training.settings import Training
from genzoo.training.step import Step

EVALUATION_BATCH = 500
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. Terms are means over images, in the loss's units."""

    epoch: int
    step: int
    train: dict[str, float]
    validation: dict[str, float]
    seconds: float
    """Time spent in training steps."""
    images: int
    lr: float


class Listener:
    """What the trainer tells while it trains. Override what you want to hear."""

    def mode_chosen(self, mode: Mode) -> None:
        """Steps will be run so: told before the first one, and again where that fails."""

    def epoch_started(self, epoch: int, steps: int) -> None:
        """An epoch of `steps` steps begins."""

    def stepped(self, done: int, terms: Callable[[int], dict[str, float]]) -> None:
        """`done` steps of the epoch are through; `terms(done)` reads their means from the device."""

    def epoch_finished(self, record: Epoch) -> None:
        """An epoch is through, its validation included."""


@dataclass
class Outcome:
    """How a training ended."""

    epochs: list[Epoch] = field(default_factory=list)
    stopped: str = ""
    """Why before its time: "interrupted", "no better for N epochs" or ""."""
    best_epoch: int = 0
    """The epoch whose weights were kept, where early stopping chose; else 0."""
    mode: Mode = field(default=Mode("eager", ""))
    """How the steps were run in the end."""


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
        self.listeners = listeners
        self.device = train.device
        self.objective = Objective(model, loss, training.precision)
        if self.device.type != "mps":
            lay_out(self.objective, torch.channels_last)  # before the optimiser: its moments lie as the weights do
        self.batch_size = whole_batch(min(training.batch_size, len(train)), processes)
        self.steps_per_epoch = len(train) // self.batch_size
        self.total_steps = training.epochs * self.steps_per_epoch
        self.body = Step(self.objective, training, train.see, self.device, self.total_steps)
        self.optimizer = self.body.optimizer
        self.parameters = self.body.parameters
        self.exchange = Exchange(processes, self.parameters) if processes.size > 1 else None
        if self.exchange:
            self.body.exchange = self._exchange
        self.step = 0
        self.outcome = Outcome()
        self.stop_requested = False
        self._step_tensor = self.body.number
        self._run_step: RunStep = self.body

    @property
    def average(self) -> MovingAverage | None:
        """The moving average of the weights, where one was asked for."""
        return self.body.average

    @property
    def trained(self) -> Objective:
        """The objective with the weights to evaluate and save: the moving average where there is one."""
        return self.average.average if self.average else self.objective  # type: ignore[return-value]

    def fit(self) -> Outcome:
        """Trains to the end, to early stopping or until `stop_requested`.

        Raises:
            NonFiniteError: The loss or the gradient is nan or infinite; the weights are those before that step.
        """
        what = f"training with batches of {self.batch_size:,}"
        explained = memory_explained(what, smaller_batch(self.batch_size), self.device)
        try:
            with seeded(0), tensor_cores(), explained:
                self._prepare()
                self._epochs()
        finally:
            for module in {self.objective, self.trained}:  # evaluated as they will be when they are loaded again
                lay_out(module, torch.contiguous_format)
        return self.outcome

    def _epochs(self) -> None:
        """All epochs, up to early stopping or an interruption."""
        best = math.inf
        best_weights: dict[str, Tensor] | None = None
        for epoch in range(1, self.training.epochs + 1):
            record = self._epoch(epoch)
            if record is None:
                self.outcome.stopped = INTERRUPTED
                break
            self.outcome.epochs.append(record)
            for listener in self.listeners:
                listener.epoch_finished(record)
            if not self.training.patience:
                continue
            if record.validation["loss"] < best:
                best, self.outcome.best_epoch = record.validation["loss"], epoch
                best_weights = copy.deepcopy(self.trained.state_dict())
            elif epoch - self.outcome.best_epoch >= self.training.patience:
                self.outcome.stopped = f"no better for {self.training.patience} epochs"
                break
        if best_weights is not None:
            self.trained.load_state_dict(best_weights)

    def _prepare(self) -> None:
        torch.manual_seed(mix(self.training.seed, "prepare"))
        first = torch.arange(self.batch_size, device=self.device)
        with torch.no_grad():
            self.objective.model.prepare(self.train_data.batch(first))
        if self.training.ema:
            self.body.average = MovingAverage(self.objective, self.training.ema)
        self.processes.spread(self.objective.state_dict().values())  # the same already, where rounding is
        keep_memory()
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

    def _epoch(self, epoch: int) -> Epoch | None:
        """One pass over the data; None if it was interrupted."""
        for listener in self.listeners:
            listener.epoch_started(epoch, self.steps_per_epoch)
        self.objective.train()
        self.body.clear_sums()
        start = time.perf_counter()
        rank, size = self.processes.rank, self.processes.size
        noise = shared(rank, size, self.batch_size // size, self.device)
        with closing(self.train_data.inputs(self._batches(epoch))) as batches, noise:
            for done, inputs in enumerate(batches, start=1):
                self._train_step(*inputs)
                if self.exchange.stopped if self.exchange else self.stop_requested:
                    return None
                for listener in self.listeners:
                    listener.stepped(done, self.body.means)
        train = self.body.means(self.steps_per_epoch)  # waits for the device
        seconds = time.perf_counter() - start
        self._require_finite(self.step)
        return Epoch(
            epoch=epoch,
            step=self.step,
            train=train,
            validation=self.validate(),
            seconds=seconds,
            images=self.steps_per_epoch * self.batch_size,
            lr=learning_rate(self.training, self.step - 1, self.total_steps),
        )

    def _batches(self, epoch: int) -> Iterator[Tensor]:
        """This process's rows of the epoch's permutation in whole batches; another rest is left over in each epoch."""
        generator = torch.Generator(self.device).manual_seed(mix(self.training.seed, "order", epoch))
        order = torch.randperm(len(self.train_data), generator=generator, device=self.device)
        order = order[: self.steps_per_epoch * self.batch_size].to(self.train_data.index_device)
        yield from order.view(-1, self.processes.size, self.batch_size // self.processes.size)[:, self.processes.rank]

    def _train_step(self, *inputs: Tensor) -> None:
        self._run_step(self.step, inputs)
        if self.device.type == "cpu":
            self._require_finite(self.step + 1)
        self.step += 1

    def _exchange(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Gradients and terms averaged over all processes, and whether one of them wants to stop."""
        assert self.exchange is not None
        return self.exchange(terms, self.stop_requested)

    def _require_finite(self, steps: int) -> None:
        """Raises if one of the first `steps` steps was not finite."""
        if not self.body.finite:
            epoch = (steps - 1) // self.steps_per_epoch + 1
            rate = f"--lr {self.training.lr * 0.3:.1g}"
            raise NonFiniteError(
                f"the loss or its gradient is not finite at epoch {epoch}, by step {steps:,}",
                f"the weights are those before it; try {rate} or --grad-clip 1",
            )

    def validate(self) -> dict[str, float]:
        """The training objective on the validation data, averaged over images; {} if there are none.

        The noise belongs to each image, so the figures of two epochs differ by the weights alone.
        """
        if self.validation_data is None:
            return {}
        with memory_explained(f"validation with batches of {EVALUATION_BATCH}", "use a smaller model", self.device):
            self.processes.spread(self.trained.buffers())  # running statistics are of each process's own examples
            return objective_terms(self.trained, self.validation_data, self._step_tensor, processes=self.processes)


@torch.no_grad()
def objective_terms(
    objective: Objective,
    data: Resident,
    step: Tensor,
    batch_size: int = EVALUATION_BATCH,
    processes: Processes = ALONE,
) -> dict[str, float]:
    """The objective's terms on a whole split: means over its images, whatever the batch size or number of processes."""
    batches = torch.arange(len(data), device=data.device).split(batch_size)
    mine = processes.mine(len(batches))
    sums: dict[int, list[float]] = {}
    with evaluating(objective):
        for number in mine or [0]:  # even a process without work has to know how many terms there are
            with keyed(data.keys[batches[number]]):
                terms = objective(data.batch(batches[number]), step)
            sums[number] = [float(value) * len(batches[number]) for value in terms.values()]
    every = torch.zeros(len(batches), len(terms), dtype=torch.float64)
    for number in mine:
        every[number] = torch.tensor(sums[number], dtype=torch.float64)
    processes.add_up(every)
    return {name: sum(column) / len(data) for name, column in zip(terms, every.T.tolist(), strict=True)}


def whole_batch(size: int, processes: Processes) -> int:
    """The largest batch of at most `size` examples that processes can share evenly.

    Raises:
        UsageError: There are more processes than examples.
    """
    if size < processes.size:
        raise UsageError(f"{processes.size} processes cannot share {size} examples", "start fewer")
    return size - size % processes.size
