"""Execution modes of the training step: eager, compiled or captured as a CUDA graph, with eager as the fallback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.core.dataset import Batch
from genzoo.core.errors import UsageError
from genzoo.system.memory import out_of_memory
from genzoo.training.config import Execution
from genzoo.training.cuda_graph import CHECKED, GraphStep, cuda_capture
from genzoo.training.phases import different_steps
from genzoo.training.step import Step
from genzoo.training.trial import Trial

WORTH_A_CAPTURE = 500
"""Number of steps from which "auto" captures: warm-up, capture and check cost about ten steps."""

RunStep = Callable[[int, tuple[Tensor, ...]], None]


class Mode(NamedTuple):
    """An execution mode, and why it was chosen."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} steps ({self.why})"


def refuse_mode(training: Execution, device: torch.device) -> None:
    """Refuse a mode that the device does not support.

    Raises:
        UsageError: Mode "graph" without CUDA.
    """
    if training.mode == "graph" and device.type != "cuda":
        raise UsageError(
            f"--mode=graph captures steps for a CUDA device, and this run is on {device}", "use --mode auto"
        )


def choose_mode(
    training: Execution, device: torch.device, steps: int, processes: int = 1, second_order: bool = False
) -> Mode:
    """Return the mode to try: the requested one, or with "auto" one that suits the device and the number of steps."""
    if training.mode == "compile" and second_order:
        return Mode("eager", "torch.compile cannot differentiate twice, as this loss does")
    if processes > 1:  # the all-reduce is read on the host
        return Mode("eager", f"shared by {processes} processes")
    if training.mode != "auto":
        return Mode(training.mode, "as requested")
    if device.type == "cuda":
        if steps >= WORTH_A_CAPTURE:
            return Mode("graph", "auto: a captured step starts without Python")
        return Mode("eager", f"auto: a capture pays from {WORTH_A_CAPTURE} steps on")
    # Two cores, 784-400-20: compiling buys 4 % in fp32 and 13 % in bf16, the first call costs 10 to 25 s.
    return Mode("eager", "auto: compiling gains too little here" if device.type == "cpu" else f"auto on {device.type}")


def make_step(
    step: Step, mode: Mode, examples: Iterable[tuple[Tensor, ...]], changed: Callable[[Mode], None]
) -> RunStep:
    """Return the step in the given mode, or the eager step if that fails; weights and counters do not change.

    Args:
        step: The eager step.
        mode: The mode to try.
        examples: The host's inputs for the first steps; unused for eager steps.
        changed: Called with the new mode after a fallback, now or in a later step.
    """
    if mode.name == "eager":
        return step
    # Copies, because the iterator may reuse its memory.
    first = [tuple(given.clone() for given in inputs) for inputs, _ in zip(examples, range(CHECKED), strict=False)]
    try:
        return GraphStep(step, first, cuda_capture) if mode.name == "graph" else compiled(step, first, changed)
    except Exception as error:
        if out_of_memory(error):
            raise
        step.forward = step.objective
        step.optimizer.zero_grad()
        changed(Mode("eager", f"{mode.name} failed: {in_short(error)}"))
        return step


def compiled(step: Step, examples: Sequence[tuple[Tensor, ...]], changed: Callable[[Mode], None]) -> Step:
    """Return the step with forward pass, loss and backward pass compiled.

    The optimiser is already one kernel; compiling it too made steps slower on a CPU.
    """
    step.forward = CompiledForward(step, changed)
    with Trial(step):
        for number in different_steps(step.steps):
            step(number, examples[0])
    return step


class CompiledForward:
    """The objective compiled as one graph; after the first call that the compiler refuses, the eager objective.

    The compiler may fail late: a Python number that changes in every step makes it recompile each time. An error of the
    model itself is raised again by the eager call, without the compiler's wrapper.
    """

    def __init__(self, step: Step, changed: Callable[[Mode], None]) -> None:
        self.step = step
        self.changed = changed
        self.compiled = torch.compile(step.objective, fullgraph=True, dynamic=False)
        self.proven = False

    def __call__(self, batch: Batch, number: Tensor, phase: int) -> dict[str, Tensor]:
        try:
            terms: dict[str, Tensor] = self.compiled(batch, number, phase)
        except Exception as error:
            if not self.proven or out_of_memory(error):
                raise
            self.step.reseed(*self.step.at)
            terms = self.step.objective(batch, number, phase)
            self.step.forward = self.step.objective
            self.changed(Mode("eager", f"compile failed at step {self.step.at[0] + 1:,}: {in_short(error)}"))
        self.proven = True
        return terms


def in_short(error: BaseException) -> str:
    """Return an error's type and first line, cut to 160 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text if len(text) <= 160 else f"{text[:157]}…"
