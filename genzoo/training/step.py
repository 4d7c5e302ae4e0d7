"""One training step: what the device does, the same whether it runs eagerly, compiled or captured."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from genzoo.core.dataset import Batch
from genzoo.core.noise import derive_seed, reseed
from genzoo.training.adam import TINY_STEPS
from genzoo.training.config import Training
from genzoo.training.objective import Objective
from genzoo.training.optimizer import MovingAverage, learning_rate, make_optimizer


class Step:
    """See, forward, backward, guard, clip, update, average, sum.

    The host sets the seed and the rates, which are pure functions of the step's number. `body` is the device's part: no
    value is read back and Python decides nothing, so it can be recorded once and replayed.

    Args:
        objective: Model and loss, prepared; in training mode.
        training: Options.
        see: Makes the batch of what the host hands over, by operations on the device alone.
        device: Where all of it happens.
        total: Steps of the whole training, for the learning rate's schedule.
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
        self.exchange: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None
        """Averages gradients and terms over several processes."""
        self.number = torch.zeros((), dtype=torch.int64, device=device)
        """How many steps came before; it stays at the first one that was not finite, unless such steps are skipped."""
        self.found_inf = torch.zeros((), device=device)
        """1 from the first step on that was not finite: nothing changes the weights any more. Where such steps are
        skipped, 1 for that step alone."""
        self.skipped = torch.zeros((), dtype=torch.int64, device=device)
        """How many steps were left out, because they were not finite."""
        self.taken = torch.zeros((), dtype=torch.int64, device=device)
        """How many of the epoch's steps were not left out."""
        self.norm = torch.zeros((), device=device)
        """The norm of the last gradient, before clipping; or of the one that ended all."""
        self.share = torch.zeros((), device=device)
        """What a step adds to the moving average."""
        self.names: tuple[str, ...] = ()
        self.sums: Tensor | None = None
        """The epoch's terms, summed over its steps."""
        self._buffers = list(objective.buffers())
        self._buffers_before = [buffer.clone() for buffer in self._buffers]
        self._generators = generators(device)
        self.at = 0
        """The number of the step that was begun last."""

    def __call__(self, number: int, inputs: tuple[Tensor, ...]) -> None:
        """Makes step number `number` (from 0) with what the host hands over for it."""
        self.reseed(number)
        self.optimizer.lr, share = self.rates(number)
        if self.average:
            self.share.fill_(share)
        if self.device.type == "cpu" and number % TINY_STEPS == 0:
            self.optimizer.drop_tiny()
        self.body(inputs)

    def reseed(self, number: int, purpose: str = "step") -> None:
        """Randomness is a function of (seed, purpose, step): nothing is carried from step to step."""
        self.at = number
        seed = derive_seed(self.training.seed, purpose, number)
        reseed(seed, self._generators)

    def rates(self, number: int) -> tuple[float, float]:
        """The learning rate, and what the moving average takes in: functions of the step's number alone."""
        share = self.average.weight(number) if self.average else 0.0
        return learning_rate(self.training, number, self.total), share

    def body(self, inputs: tuple[Tensor, ...]) -> None:
        """The whole step on the device."""
        batch = self._see(inputs)
        terms = self._forward(batch)
        self._backward(terms["loss"])
        with torch.no_grad():
            terms = self._with_buffers(terms)
            if self.exchange:
                terms = self.exchange(terms)
            self._update(terms)
            self._record(terms)

    def _see(self, inputs: tuple[Tensor, ...]) -> Batch:
        if self._buffers:
            torch._foreach_copy_(self._buffers_before, self._buffers)
        return self.see(*inputs)

    def _forward(self, batch: Batch) -> dict[str, Tensor]:
        return self.forward(batch, self.number)

    def _backward(self, loss: Tensor) -> None:
        loss.backward()

    def _update(self, terms: dict[str, Tensor]) -> None:
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        # One pass over the gradients: 2 % of a small step. torch's get_total_norm is 5 %.
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if self.training.grad_clip:
            scale = torch.clamp(self.training.grad_clip / (norm + 1e-6), max=1.0)
            torch._foreach_mul_(gradients, scale)
        self._guard(terms["loss"], norm)
        self.optimizer.step(self.found_inf)
        self.optimizer.zero_grad()
        for buffer, before in zip(self._buffers, self._buffers_before, strict=True):
            buffer.copy_(torch.where(self.found_inf > 0, before, buffer))
        if self.average:
            self.average.update(self.share * (1 - self.found_inf))

    def _with_buffers(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """The terms with a loss that is not finite where the step made a buffer so, for all processes to see."""
        loss = terms["loss"].detach()
        for buffer, before in zip(self._buffers, self._buffers_before, strict=True):
            loss = loss + (torch.where(before.isfinite(), buffer, 0) * 0).sum()  # a mask may be of −inf from the first
        return {**terms, "loss": loss} if self._buffers else terms

    def _guard(self, loss: Tensor, norm: Tensor) -> None:
        """Notes whether the step is finite."""
        wrong = (loss + norm) * 0  # 0 for what is finite and nan, which is true, for what is not
        if self.device.type == "cpu":  # where the host looks after every step
            self.norm = norm
        else:
            self.norm.copy_(torch.where(self.found_inf > 0, self.norm, norm))
        if self.training.on_nan == "skip":
            self.found_inf.copy_(wrong != 0)
        else:
            self.found_inf.logical_or_(wrong)

    def _record(self, terms: dict[str, Tensor]) -> None:
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
        """Sums of the terms of these names go on from there."""
        self.names = names
        self.sums = sums.to(self.device, torch.float32 if self.device.type == "mps" else torch.float64)

    def clear_sums(self) -> None:
        """Starts the sums anew, in place."""
        self.taken.zero_()
        if self.sums is not None:
            self.sums.zero_()

    def means(self, steps: int) -> dict[str, float]:
        """The means of the terms over the last `steps` steps, all since `clear_sums`; waits for the device.

        Steps that were left out are left out here too; nan where none is left.
        """
        assert self.sums is not None
        count = self.taken if self.training.on_nan == "skip" else steps
        return dict(zip(self.names, (self.sums / count).tolist(), strict=True))

    @property
    def finite(self) -> bool:
        """Whether every step so far was finite, or as many were skipped as may be; waits for the device."""
        if self.training.on_nan == "skip":
            return int(self.skipped) <= self.training.max_skips
        return not bool(self.found_inf)

    def state(self) -> list[Tensor]:
        """All that a step changes, to be put back after a trial."""
        modules: list[nn.Module] = [self.objective, *([self.average.average] if self.average else [])]
        tensors = [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]
        sums = [] if self.sums is None else [self.sums]
        counts = [self.number, self.found_inf, self.skipped, self.taken]
        return [*tensors, *self.optimizer.tensors().values(), *counts, *sums]


class Trial:
    """Inside, steps may be tried; afterwards weights, moments, averages and counters are as they were, bit for bit."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def __enter__(self) -> None:
        self.before = [(tensor, tensor.detach().clone()) for tensor in self.step.state()]

    def __exit__(self, *exception: object) -> None:
        with torch.no_grad():
            self.step.clear_sums()  # they may have come into being inside
            for tensor, value in self.before:
                tensor.copy_(value)
        self.step.optimizer.zero_grad()


def generators(device: torch.device) -> list[torch.Generator]:
    """Torch's own generators that a step on the device may draw from. Seeding these alone, rather than with
    torch.manual_seed those of every kind of device, saves 0.1 ms a step."""
    found = [torch.default_generator]
    if device.type == "cuda":
        torch.cuda.init()
        index = torch.cuda.current_device() if device.index is None else device.index
        found.append(torch.cuda.default_generators[index])
    elif device.type == "mps":
        found.append(torch.mps._get_default_mps_generator())
    return found
