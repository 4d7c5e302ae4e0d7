"""Check that a loss which holds examples against each other trains the same in two processes as in one.

The two are threads that take turns: each runs alone until its next collective operation. So a check needs no network,
no second interpreter and no class that can be imported. torch's generator has a state for each of the two.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genzoo.core.dataset import Batch
from genzoo.core.noise import reseed, seeded, shared
from genzoo.system.distributed import ALONE, Processes
from genzoo.testing.check import require
from genzoo.testing.pair import CPU, EXAMPLES, Pair
from genzoo.testing.probability_checks import FEW, assert_mean_over_examples
from genzoo.training.gather import gathering
from genzoo.training.objective import Objective
from genzoo.training.phases import trained_by

SIZE = 2
LATE = 10_000
"""A step after any warm-up."""
NEAR = 1e-4
"""Largest difference of a gradient, relative to the largest gradient of the parameter, and of a term."""
BESIDE = 1e-3
"""The share by which weights are larger where a difference is looked for again."""
ROUNDING, TIMES = 2e-7, 10.0
"""A larger difference is still one of rounding if it is at most so many times that which weights larger by this share
make."""


class Turns(Processes):
    """A process of two, which are threads of this one.

    Args:
        rank: 0 or 1.
        meeting: Where both wait for each other, shared by the two.
    """

    size = SIZE

    def __init__(self, rank: int, meeting: Meeting) -> None:
        self.rank = rank
        self.meeting = meeting

    def all_reduce(self, x: Tensor) -> Tensor:
        """Replace a tensor by its sum over both; the other thread runs up to the same place meanwhile."""
        one, other = self.exchanged(x.detach().clone())
        alike = one is not None and other is not None and one.shape == other.shape
        require(alike, "two processes do not call genzoo.gather equally often, in one order")
        return x.copy_(one + other)

    def exchanged(self, given: Any) -> tuple[Any, Any]:
        """Return what both threads give at this place; None at the end."""
        meeting, state = self.meeting, torch.get_rng_state()
        meeting.given[self.rank] = given
        meeting.turn.release()
        try:
            meeting.barrier.wait()
            both = meeting.given[0], meeting.given[1]
            meeting.barrier.wait()
        finally:
            meeting.turn.acquire()
        torch.set_rng_state(state)
        return both


class Meeting:
    """Where two threads wait for each other; one at a time has its turn."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(SIZE)
        self.turn = threading.Lock()
        self.given: dict[int, Any] = {}


class Result(NamedTuple):
    """What a process computes of a step."""

    terms: dict[str, Tensor]
    gradients: dict[str, Tensor]


def computed(pair: Pair, processes: Processes, moved: float = 0.0) -> Result:
    """Return the terms of all phases, and the gradient of each phase's own, on this process's rows of a batch.

    Args:
        pair: What is computed.
        processes: This process, and how many there are.
        moved: By which share of themselves all weights are larger.
    """
    objective, whole = prepared(pair), pair.batch(EXAMPLES)
    with torch.no_grad():
        for parameter in objective.parameters():
            parameter.mul_(1 + moved)
    rows = EXAMPLES // processes.size
    own = slice(processes.rank * rows, (processes.rank + 1) * rows)
    batch = Batch(whole.x[own], None if whole.y is None else whole.y[own])
    result = Result({}, {})
    with shared(processes.rank, processes.size, rows, CPU), gathering(processes):
        for phase, parameters in enumerate(trained_by(objective)):
            reseed(phase, [torch.default_generator])
            terms = objective(batch, torch.tensor(LATE), phase)
            term = terms[objective.loss.phases[phase].term]
            gradients = torch.autograd.grad(term, list(parameters.values()), materialize_grads=True, allow_unused=True)
            result.terms.update({name: value.detach() for name, value in terms.items()})
            result.gradients.update(zip(parameters, gradients, strict=True))
    return result


def prepared(pair: Pair) -> Objective:
    """Return model and loss in training mode, but for batch normalisation, whose statistics are those of a process."""
    objective = pair.perturbed()
    for module in objective.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    return objective


def in_two(pair: Pair, moved: float = 0.0) -> list[Result]:
    """Return what each of two processes computes; `moved` as for `computed`.

    Raises:
        AssertionError: They do not gather alike.
    """
    meeting, found, errors = Meeting(), dict[int, Result](), list[BaseException]()

    def work(rank: int) -> None:
        with meeting.turn:
            try:
                own = Turns(rank, meeting)
                found[rank] = computed(pair, own, moved)
                own.exchanged(None)
            except BaseException as error:
                errors.append(error)
                meeting.barrier.abort()  # the other one would wait for ever

    threads = [threading.Thread(target=work, args=(rank,), daemon=True) for rank in range(SIZE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    return [found[rank] for rank in range(SIZE)]


def compares_examples(pair: Pair) -> bool:
    """Return whether the loss of a batch is not the mean of the losses of its examples."""
    try:
        assert_mean_over_examples(pair.perturbed().eval(), pair.batch(FEW), relative=1e-3)
    except AssertionError:
        return True
    return False


def check_processes(pair: Pair) -> str | None:
    """A loss that holds the examples of a batch against each other gives two processes, of half a batch each, the terms
    and the gradient that it gives one."""
    if not compares_examples(pair):
        return "the loss of a batch is the mean of the losses of its examples"
    # At a kink of a net rounding decides its slope; weights a little larger are not at one again.
    fault = unlike(pair) and unlike(pair, BESIDE)
    require(not fault, f"{pair}: {fault}")
    return None


def unlike(pair: Pair, moved: float = 0.0) -> str:
    """Return what differs between one process and two, whose weights are all larger by a share; "" if nothing does."""
    near: Result | None = None
    with seeded(0):
        one, two = computed(pair, ALONE, moved), in_two(pair, moved)
        for kind in ("terms", "gradients"):
            for name, value in getattr(one, kind).items():
                mean = torch.stack([getattr(result, kind)[name] for result in two]).mean(0)
                off, size = (mean - value).abs().max().item(), value.abs().max().item()
                if off <= NEAR * max(size, 1e-2):
                    continue
                near = near or computed(pair, ALONE, moved + ROUNDING)  # a difference of large numbers rounds coarsely
                rounded = (getattr(near, kind)[name] - value).abs().max().item()
                what = f"the gradient of {name}" if kind == "gradients" else f"{name!r}"
                if off > TIMES * rounded:
                    return f"{what} of two processes is {off:.2g} off {size:.4g}"
    return ""
