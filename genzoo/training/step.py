"""One training step, the same whether it runs eagerly, compiled or captured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from genzoo.core.dataset import Batch
from genzoo.core.noise import derive_seed, reseed
from genzoo.training.adam import TINY_STEPS
from genzoo.training.config import Training
from genzoo.training.ema import MovingAverage
from genzoo.training.objective import Objective
from genzoo.training.optimizer import make_optimizer
from genzoo.training.schedule import learning_rate

PARTS = ("data", "forward", "backward", "optimiser")
"""The parts of a step that `Step.span` is entered for, in order."""
NO_SPAN = nullcontext()


def no_span(part: str) -> AbstractContextManager[object]:
    """Return a context manager that does nothing."""
    return NO_SPAN


class Step:
    """Make the batch, forward, backward, check, clip, update, average, sum.

    The host sets the seed and the rates, which are pure functions of the step's number. `body` is the device's part: it
    reads no value back and has no data-dependent Python branch, so it can be recorded once and replayed.

    Args:
        objective: Model and loss, prepared; in training mode.
        training: Options.
        see: Makes a batch from the host's inputs, by operations on the device alone.
        device: The device of model and data.
        total: Steps of the whole training, for the learning-rate schedule.
    """

    def __init__(
        self,
        objective: Objective,
        training: Training,
        see: Callable[..., Batch],
        device: torch.device,
        total: int,
    ) -> None:
        self.objective = objective
        self.forward: Callable[[Batch, Tensor], dict[str, Tensor]] = objective
        self.training = training
        self.see = see
        self.device = device
        self.total = total
        named = [(name, parameter) for name, parameter in objective.named_parameters() if parameter.requires_grad]
        self.parameters = [parameter for _, parameter in named]
        self.optimizer = make_optimizer(named, training)
        self.average: MovingAverage | None = None
        self.all_reduce: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None
        """Averages gradients and terms over several processes."""
        self.span: Callable[[str], AbstractContextManager[object]] = no_span
        """Returns a context manager for each of `PARTS`: the place for a profiler to label them. A replayed CUDA graph
        does not enter it."""
        self.number = torch.zeros((), dtype=torch.int64, device=device)
        """Number of steps before; it stays at the first one that was not finite, unless such steps are skipped."""
        self.found_inf = torch.zeros((), device=device)
        """1 from the first step that was not finite: the weights no longer change. If such steps are skipped, 1 for
        that step only."""
        self.skipped = torch.zeros((), dtype=torch.int64, device=device)
        """Number of steps that were skipped because they were not finite."""
        self.taken = torch.zeros((), dtype=torch.int64, device=device)
        """Number of the epoch's steps that were not skipped."""
        self.norm = torch.zeros((), device=device)
        """Norm of the last gradient before clipping; of the first one that was not finite, if training stopped."""
        self.share = torch.zeros((), device=device)
        """Weight of the step's parameters in the moving average."""
        self.names: tuple[str, ...] = ()
        self.sums: Tensor | None = None
        """The loss's terms, summed over the epoch's steps."""
        self._buffers = list(objective.buffers())
        self._buffers_before = [buffer.clone() for buffer in self._buffers]
        self._generators = generators(device)
        self.at = 0
        """Number of the step that started last."""

    def __call__(self, number: int, inputs: tuple[Tensor, ...]) -> None:
        """Run step number `number` (from 0) on the host's inputs for it."""
        self.reseed(number)
        self.optimizer.lr, share = self.rates(number)
        if self.average:
            self.share.fill_(share)
        if self.device.type == "cpu" and number % TINY_STEPS == 0:
            self.optimizer.drop_tiny()
        self.body(inputs)

    def reseed(self, number: int, purpose: str = "step") -> None:
        """Seed the generators by (seed, purpose, step), so that no random state is carried from step to step."""
        self.at = number
        seed = derive_seed(self.training.seed, purpose, number)
        reseed(seed, self._generators)

    def rates(self, number: int) -> tuple[float, float]:
        """Return the learning rate and the moving average's weight: functions of the step's number alone."""
        share = self.average.weight(number) if self.average else 0.0
        return learning_rate(self.training, number, self.total), share

    def body(self, inputs: tuple[Tensor, ...]) -> None:
        """Run the whole step on the device."""
        span = self.span
        with span("data"):
            if self._buffers:
                torch._foreach_copy_(self._buffers_before, self._buffers)
            batch = self.see(*inputs)
        with span("forward"):
            terms = self.forward(batch, self.number)
        with span("backward"):
            terms["loss"].backward()
        with torch.no_grad():
            terms = self._with_buffers(terms)
            if self.all_reduce:
                terms = self.all_reduce(terms)
            with span("optimiser"):
                self._update(terms)
            self._record(terms)

    def _update(self, terms: dict[str, Tensor]) -> None:
        """Clip, check and apply the gradients, then update the moving average."""
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        # One pass over the gradients: 2 % of a small step. torch's get_total_norm is 5 %.
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if self.training.grad_clip:
            scale = torch.clamp(self.training.grad_clip / (norm + 1e-6), max=1.0)
            torch._foreach_mul_(gradients, scale)
        self._check_finite(terms["loss"], norm)
        self.optimizer.step(self.found_inf)
        self.optimizer.zero_grad()
        for buffer, before in zip(self._buffers, self._buffers_before, strict=True):
            buffer.copy_(torch.where(self.found_inf > 0, before, buffer))
        if self.average:
            self.average.update(self.share * (1 - self.found_inf))

    def _with_buffers(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the terms; the loss is made nan if the step made a buffer not finite, so that all processes see it."""
        loss = terms["loss"].detach()
        for buffer, before in zip(self._buffers, self._buffers_before, strict=True):
            loss = loss + (torch.where(before.isfinite(), buffer, 0) * 0).sum()  # a mask may hold −inf from the start
        return {**terms, "loss": loss} if self._buffers else terms

    def _check_finite(self, loss: Tensor, norm: Tensor) -> None:
        """Set `found_inf` if the loss or the gradient's norm is not finite."""
        wrong = (loss + norm) * 0  # 0 if both are finite, else nan, which counts as true
        if self.device.type == "cpu":  # the host checks after every step
            self.norm = norm
        else:
            self.norm.copy_(torch.where(self.found_inf > 0, self.norm, norm))
        if self.training.on_nan == "skip":
            self.found_inf.copy_(wrong != 0)
        else:
            self.found_inf.logical_or_(wrong)

    def _record(self, terms: dict[str, Tensor]) -> None:
        """Add the terms to the epoch's sums and count the step."""
        wrong = self.found_inf > 0
        values = torch.stack(list(terms.values())).masked_fill_(wrong, 0)
        if self.sums is None:
            self.start_sums(tuple(terms), torch.zeros(len(terms)))
        assert self.sums is not None
        self.sums += values
        if self.training.on_nan == "skip":
            self.number += 1
            self.skipped += wrong
            self.taken += ~wrong
        else:
            self.number += ~wrong

    def start_sums(self, names: tuple[str, ...], sums: Tensor) -> None:
        """Set the names of the terms and their sums so far."""
        self.names = names
        self.sums = sums.to(self.device, torch.float32 if self.device.type == "mps" else torch.float64)

    def clear_sums(self) -> None:
        """Reset the epoch's sums and counts, in place."""
        self.taken.zero_()
        if self.sums is not None:
            self.sums.zero_()

    def means(self, steps: int) -> dict[str, float]:
        """Return the mean terms over the `steps` steps since `clear_sums`; waits for the device.

        Skipped steps do not count; the means are nan if all were skipped.
        """
        assert self.sums is not None
        count = self.taken if self.training.on_nan == "skip" else steps
        return dict(zip(self.names, (self.sums / count).tolist(), strict=True))

    @property
    def finite(self) -> bool:
        """Whether every step so far was finite, or at most `max_skips` were skipped; waits for the device."""
        if self.training.on_nan == "skip":
            return int(self.skipped) <= self.training.max_skips
        return not bool(self.found_inf)

    def state(self) -> list[Tensor]:
        """Return all tensors that a step changes."""
        modules: list[nn.Module] = [self.objective, *([self.average.average] if self.average else [])]
        tensors = [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]
        sums = [] if self.sums is None else [self.sums]
        counts = [self.number, self.found_inf, self.skipped, self.taken]
        return [*tensors, *self.optimizer.tensors().values(), *counts, *sums]


class Trial:
    """Context manager that restores weights, moments, averages and counters bit for bit on exit."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def __enter__(self) -> None:
        self.before = [(tensor, tensor.detach().clone()) for tensor in self.step.state()]

    def __exit__(self, *exception: object) -> None:
        with torch.no_grad():
            self.step.clear_sums()  # they may have been created inside
            for tensor, value in self.before:
                tensor.copy_(value)
        self.step.optimizer.zero_grad()


def generators(device: torch.device) -> list[torch.Generator]:
    """Return torch's default generators of the CPU and the device.

    torch.manual_seed seeds the generators of every kind of device; seeding only these saves 0.1 ms a step.
    """
    found = [torch.default_generator]
    if device.type == "cuda":
        torch.cuda.init()
        index = torch.cuda.current_device() if device.index is None else device.index
        found.append(torch.cuda.default_generators[index])
    elif device.type == "mps":
        found.append(torch.mps._get_default_mps_generator())
    return found
