"""One training step, the same whether it runs eagerly, compiled or captured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from genzoo.core.dataset import Batch
from genzoo.core.nets import changing_buffers
from genzoo.core.noise import derive_seed, reseed
from genzoo.system.distributed import ALONE, Processes
from genzoo.training.config import Training
from genzoo.training.ema import MovingAverage
from genzoo.training.objective import Objective
from genzoo.training.optimizer import make_optimizer
from genzoo.training.phases import (
    Piece,
    changed_before_the_end,
    cycle,
    groups_of,
    leave_out_trained,
    means_of_phases,
    minimised,
    trained_by,
    with_counts,
    with_new_terms,
)
from genzoo.training.schedule import learning_rate

WHOLE = Piece()
TINY_STEPS = 256
"""Steps between two calls of the optimiser's `drop_tiny`."""
PARTS = ("data", "forward", "backward", "optimiser")
"""The parts of a step that `Step.span` is entered for, in order."""
NO_SPAN = nullcontext()


def no_span(part: str) -> AbstractContextManager[object]:
    """Return a context manager that does nothing."""
    return NO_SPAN


class Step:
    """Make the batch; for each active phase forward, backward, check, clip, update; then average and sum.

    The host sets the seed and the rates and chooses the phases, which are pure functions of the step's number. `body`
    is the device's part: it reads no value back and has no data-dependent Python branch, so it can be recorded once and
    replayed. A step of several phases calls it for each of them.

    Args:
        objective: Model and loss, prepared; in training mode.
        training: Options.
        see: Makes a batch from the host's inputs, by operations on the device alone.
        device: The device of model and data.
        total: Steps of the whole training, for the learning-rate schedule.
    """

    def __init__(
        self, objective: Objective, training: Training, see: Callable[..., Batch], device: torch.device, total: int
    ) -> None:
        self.objective = objective
        self.loss = objective.loss  # kept: torch finds a module's modules by a search
        self.forward: Callable[[Batch, Tensor, int], dict[str, Tensor]] = objective
        self.training = training
        self.see = see
        self.device = device
        self.learning_rate = learning_rate(training, total)
        self.phases = self.loss.phases
        self.several = len(self.phases) > 1
        self.steps = cycle(self.phases)
        """The pieces of each step, which repeat. The noise is seeded for each of them."""
        trained = trained_by(objective)
        self.members = [list(parameters.values()) for parameters in trained]
        """The parameters that each phase trains."""
        self.leaves = self.members if self.several else [None]
        """What each phase's gradients are taken of; None: of every parameter."""
        named = [(name, parameter) for name, parameter in objective.named_parameters() if parameter.requires_grad]
        self.parameters = [parameter for _, parameter in named]
        self.without_gradient = dict(named)  # so far
        self.optimizer = make_optimizer(named, training, groups_of(self.phases, trained, list(dict(named))))
        self.average: MovingAverage | None = None
        self.all_reduce: Callable[[dict[str, Tensor], int], dict[str, Tensor]] | None = None
        """Averages a phase's gradients and terms over several processes."""
        self.processes: Processes = ALONE
        self.span: Callable[[str], AbstractContextManager[object]] = no_span
        """Returns a context manager for each of `PARTS`: the place for a profiler to label them. A replayed CUDA graph
        does not enter it."""
        self.number = torch.zeros((), dtype=torch.int64, device=device)
        """Number of steps before; it stays at the first one that was not finite, unless such steps are skipped."""
        self.found_inf = torch.zeros((), device=device)
        """1 from the first step that was not finite, or for it alone if such steps are skipped: no weight changes."""
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
        self.after_step = self.loss.acts_after_step()
        self._batch: Batch | None = None
        self._terms: dict[int, dict[str, Tensor]] = {}
        """The terms of each of the step's phases so far."""
        self._buffers = changing_buffers(objective)
        self._restored: list[Tensor] = list(self._buffers)
        """What is restored if a step is not finite. The last phase's kernel leaves its weights as they are itself."""
        if self.several or self.after_step:
            self._restored += changed_before_the_end(objective, self.steps, trained, self.optimizer.tensors())
        self._before = [tensor.detach().clone() for tensor in self._restored]
        self._on_host = False
        """Whether the body may read whether the step was finite: it is run on a CPU, and not recorded."""
        self._generators = generators(device)
        self.at = (0, 0)
        """Number and phase of the step that started last."""

    def __call__(self, number: int, inputs: tuple[Tensor, ...]) -> None:
        """Run step number `number` (from 0) on the host's inputs for it."""
        self.optimizer.lr, share = self.rates(number)
        if self.average:
            self.share.fill_(share)
        if self.device.type == "cpu" and number % TINY_STEPS == 0:
            self.optimizer.drop_tiny()
        self._on_host = self.device.type == "cpu"
        for piece in self.steps[number % len(self.steps)]:
            self.reseed(number, piece.phase)
            self.body(inputs, piece)
        self._on_host = False
        self._batch, self._terms = None, {}  # frees the memory

    def reseed(self, number: int, phase: int = 0, purpose: str = "step") -> None:
        """Seed the generators by (seed, purpose, step, phase), so that no random state is carried on."""
        self.at = number, phase
        seed = derive_seed(self.training.seed, purpose, number, *((phase,) if phase else ()))
        reseed(seed, self._generators)

    def rates(self, number: int) -> tuple[float, float]:
        """Return the learning rate and the moving average's weight: functions of the step's number alone."""
        share = self.average.weight(number) if self.average else 0.0
        return self.learning_rate(number), share

    def body(self, inputs: tuple[Tensor, ...], piece: Piece = WHOLE) -> None:
        """Run a piece of the step on the device, with one phase the whole step."""
        span = self.span
        if piece.first:
            with span("data"):
                if self._restored and (count := self._at_risk(piece)):
                    torch._foreach_copy_(self._before[:count], self._restored[:count])
                self._batch, self._terms = self.see(*inputs), {}
        assert self._batch is not None
        with span("forward"):
            terms = self.forward(self._batch, self.number, piece.phase)
        with span("backward"):
            minimised(self.loss, terms, piece.phase).backward(inputs=self.leaves[piece.phase])
        with torch.no_grad():
            if self._buffers:
                terms = self._with_buffers(terms, piece.phase)
            if self.all_reduce:
                terms = self.all_reduce(terms, piece.phase)
            with span("optimiser"):
                self._update(terms, piece)
                if piece.last:
                    self._finish(piece)
            self._terms[piece.phase] = terms
            if piece.last:
                self._record(terms)

    def _update(self, terms: dict[str, Tensor], piece: Piece) -> None:
        """Clip, check and apply a phase's gradients."""
        gradients = [parameter.grad for parameter in self.members[piece.phase] if parameter.grad is not None]
        leave_out_trained(self.without_gradient)
        # One pass over the gradients: 2 % of a small step. torch's get_total_norm is 5 %.
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if self.training.grad_clip:
            scale = torch.clamp(self.training.grad_clip / (norm + 1e-6), max=1.0)
            torch._foreach_mul_(gradients, scale)
        loss = terms[self.phases[piece.phase].term]
        wrong = (loss + norm) * 0  # 0 if both are finite, else nan, which counts as true
        if piece.first and self.device.type == "cpu":  # the host checks after every step
            self.norm = norm
        else:
            self.norm = self.norm.copy_(torch.where(self.found_inf > 0, self.norm, norm))
        if piece.first and self.training.on_nan == "skip":
            self.found_inf.copy_(wrong != 0)
        else:
            self.found_inf.logical_or_(wrong)
        self.optimizer.step(self.found_inf, piece.phase)
        self.optimizer.zero_grad()

    def _at_risk(self, piece: Piece) -> int:
        """Return how many of `_restored` may be wrong after a step: the buffers alone if one phase is active."""
        return len(self._buffers if piece.first and piece.last and not self.after_step else self._restored)

    def _finish(self, piece: Piece) -> None:
        """Call the loss's `after_step`, restore everything if the step was not finite, update the moving average."""
        if self.after_step:
            assert self._batch is not None
            self.loss.after_step(self.objective.model, self._batch, self.number)
            wrong = self._checked(torch.zeros_like(self.found_inf), self._restored)
            self.found_inf.logical_or_(self.processes.all_reduce(wrong))
        count = self._at_risk(piece) if self._restored else 0
        if not self._on_host:
            for tensor, before in zip(self._restored[:count], self._before[:count], strict=True):
                tensor.copy_(torch.where(self.found_inf > 0, before, tensor))
        elif count and self.found_inf:
            torch._foreach_copy_(self._restored[:count], self._before[:count])
        if self.average:
            self.average.update(self.share * (1 - self.found_inf))

    def _with_buffers(self, terms: dict[str, Tensor], phase: int) -> dict[str, Tensor]:
        """Return the terms; the loss is made nan if the step made a buffer not finite, so that all processes see it."""
        term = self.phases[phase].term
        return {**terms, term: self._checked(terms[term].detach(), self._buffers)}

    def _checked(self, value: Tensor, tensors: list[Tensor]) -> Tensor:
        """Return a scalar, made nan if the step made one of the first tensors in `_restored` not finite."""
        for tensor, before in zip(tensors, self._before, strict=False):
            value = value + (torch.where(before.isfinite(), tensor, 0) * 0).sum()  # a mask may hold −inf from the start
        return value

    def _record(self, terms: dict[str, Tensor]) -> None:
        """Add the terms to the epoch's sums, those of all phases if there are several, and count the step."""
        wrong = self.found_inf > 0
        if self.sums is None:
            names = () if self.several else tuple(terms)
            self.start_sums(names, torch.zeros(len(names)))
        assert self.sums is not None
        if self.several:
            pairs = with_counts(self._terms)
            if not {name for name, _ in pairs} <= set(self.names):
                self.start_sums(*with_new_terms(self.names, self.sums, (name for name, _ in pairs)))
            zero = torch.zeros((), device=self.device)
            terms = dict.fromkeys(self.names, zero) | dict(pairs)
        self.sums += torch.stack(list(terms.values())).masked_fill_(wrong, 0)
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

        Skipped steps do not count; the means are nan if all were skipped. The terms of one of several phases are means
        over the steps in which it was active.
        """
        assert self.sums is not None
        if self.several:
            return means_of_phases(self.names, self.sums.tolist())
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
