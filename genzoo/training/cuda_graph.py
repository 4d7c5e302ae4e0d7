"""Capture the whole training step as one CUDA graph, once, and replay it.

A step of several phases is one graph for each phase, since the noise of each phase is seeded in between. Steps in which
other phases are active have graphs of their own, so that a graph reads only the memory of the graph before it.

UNTESTED ON HARDWARE: written from torch's documentation and source on machines without a GPU. The parts that need no
GPU (static buffers, restoring the state, the check below) are tested on the CPU with a recorder instead of a capture.
A wrong captured step fails silently, so every run compares the replayed step with the eager one before using it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from genzoo.training.phases import Piece, different_steps
from genzoo.training.step import Step, generators
from genzoo.training.trial import Trial

Replay = Callable[[], None]
Capture = Callable[[Callable[[], None]], Replay]
"""Takes a function that works on static memory, warms it up and records it; returns a function that replays it."""

WARM_UP = 3
CHECKED = 3
TERMS = 1e-3
"""Relative tolerance of the terms: TF32 and atomics are not exact."""
UPDATES = 0.1
"""Tolerance of the weights, relative to the length of their update. Adam's first updates amplify rounding; a wrong
rate, batch or noise differs by more."""


class CaptureError(Exception):
    """The captured step differs from the eager one."""


class GraphStep:
    """A step with static inputs and rates on the device, replayed from a capture.

    Inputs are copied into buffers with fixed addresses. The learning rate and the moving average's weight are tensors
    that the host fills when they change. torch's generator is reseeded between replays, which CUDA graphs support. The
    trials before and after the capture change no training state.

    Args:
        step: The eager step; its optimiser's rate becomes a tensor.
        examples: Inputs of a few steps, all of one shape, for the warm-up and the check.
        capture: `cuda_capture`, or a recorder in tests.

    Raises:
        CaptureError: The replayed step differs from the eager one. Other errors of the capture pass through.
    """

    def __init__(self, step: Step, examples: Sequence[tuple[Tensor, ...]], capture: Capture) -> None:
        self.step = step
        self.inputs = tuple(torch.empty_like(given).copy_(given) for given in examples[0])
        # The CUDA kernel reads the rate as float32, the CPU kernel as float64.
        dtype = torch.float64 if step.device.type == "cpu" else torch.float32
        self.rate = torch.full((), float(step.optimizer.lr), dtype=dtype, device=step.device)
        self._host_rates: tuple[float, float] | None = None
        before = [parameter.detach().clone() for parameter in step.parameters]
        self.tried = sorted({*range(CHECKED), *different_steps(step.steps)})
        with Trial(step):
            expected = self._try_steps(step, examples)
        step.optimizer.lr = self.rate
        check_generator(step.device, capture)
        with Trial(step):
            self.replays = {
                pieces: [self._captured(piece, capture) for piece in pieces] for pieces in dict.fromkeys(step.steps)
            }
        with Trial(step):
            found = self._try_steps(self, examples)
        require_same(found, expected, before)

    def __call__(self, number: int, inputs: tuple[Tensor, ...]) -> None:
        """Run step number `number` (from 0) on the host's inputs for it."""
        for static, given in zip(self.inputs, inputs, strict=True):
            if (given.shape, given.dtype) != (static.shape, static.dtype):
                wanted = f"{static.dtype} {tuple(static.shape)}"
                raise ValueError(f"a captured step takes {wanted}, not {given.dtype} {tuple(given.shape)}")
            static.copy_(given, non_blocking=True)
        pieces = self.step.steps[number % len(self.step.steps)]
        rates = self.step.rates(number)
        if rates != self._host_rates:
            self.rate.fill_(rates[0])
            self.step.share.fill_(rates[1])
            self._host_rates = rates
        for piece, replay in zip(pieces, self.replays[pieces], strict=True):
            self.step.reseed(number, piece.phase)
            replay()

    def _captured(self, piece: Piece, capture: Capture) -> Replay:
        """Capture a piece of a step; the pieces before it have been captured."""
        return capture(lambda: self.step.body(self.inputs, piece))

    def _try_steps(
        self, make: Callable[[int, tuple[Tensor, ...]], None], examples: Sequence[tuple[Tensor, ...]]
    ) -> list[Tensor]:
        """Return the sums of the terms, both counters and the weights after a few steps."""
        step = self.step
        step.clear_sums()
        for number in self.tried:
            make(number, examples[number % len(examples)])
        assert step.sums is not None
        return [tensor.detach().clone() for tensor in (step.sums, step.number, step.found_inf, *step.parameters)]


def require_same(found: list[Tensor], expected: list[Tensor], before: list[Tensor]) -> None:
    """Compare replayed steps with eager ones.

    Args:
        found: Sums, counters and weights after the replayed steps, as returned by `GraphStep._try_steps`.
        expected: The same after the eager steps.
        before: The weights before the steps.

    Raises:
        CaptureError: They differ by more than the tolerances.
    """
    if not all(torch.equal(one, other) for one, other in zip(found[1:3], expected[1:3], strict=True)):
        raise CaptureError("a replayed step counts differently from an eager one")
    if not torch.allclose(found[0], expected[0], rtol=TERMS, atol=1e-6, equal_nan=True):
        raise CaptureError("a replayed step has a different loss from an eager one")
    apart = math.sqrt(sum(_square(one - other) for one, other in zip(found[3:], expected[3:], strict=True)))
    moved = math.sqrt(sum(_square(other - one) for other, one in zip(expected[3:], before, strict=True)))
    if not apart <= UPDATES * moved:
        raise CaptureError(f"a replayed step changes the weights by {apart / max(moved, 1e-30):.0%} more or less")


def _square(x: Tensor) -> float:
    return float(x.double().square().sum())


def check_generator(device: torch.device, capture: Capture) -> None:
    """Capture a draw of random numbers, and require that a reseeded replay draws the numbers of an eager draw.

    Raises:
        CaptureError: A replay draws other numbers.
    """
    drawn = torch.zeros(8, device=device)

    def draw() -> None:
        drawn.copy_(torch.rand(8, device=device))

    replay = capture(draw)
    for seed in (1, 2):
        results = []
        for work in (draw, replay):
            for generator in generators(device):
                generator.manual_seed(seed)
            work()
            results.append(drawn.clone())
        if not torch.equal(*results):
            raise CaptureError("a replay does not draw the random numbers of its seed")


def cuda_capture(work: Callable[[], None]) -> Replay:
    """Record work on the current CUDA device as a graph, after a warm-up on the same side stream.

    torch registers the device's default generator with every graph. Gradients are None before the capture, so that they
    are allocated in the graph's own memory at fixed addresses.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        work()
    return graph.replay
