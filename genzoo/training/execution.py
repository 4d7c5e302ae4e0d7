"""How the training step is run: eagerly, compiled, or captured as a CUDA graph; and falling back where that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.core.dataset import Batch
from genzoo.core.errors import UsageError
from genzoo.system.memory import out_of_memory
from genzoo.training.config import Training
from genzoo.training.cuda_graph import CHECKED, GraphStep, cuda_capture
from genzoo.training.step import Step, Trial

WORTH_A_CAPTURE = 500
"""Steps from which on auto captures: warm-up, capture and check cost about ten."""

RunStep = Callable[[int, tuple[Tensor, ...]], None]


class Mode(NamedTuple):
    """How the steps are run, and why so."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} steps ({self.why})"


def refuse_mode(training: Training, device: torch.device) -> None:
    """Refuses a mode that the device does not have.

    Raises:
        UsageError: Graph without CUDA.
    """
    if training.mode == "graph" and device.type != "cuda":
        raise UsageError(
            f"--mode graph captures steps for a CUDA device, and this run is on {device}", "use --mode auto"
        )


def choose_mode(training: Training, device: torch.device, steps: int, processes: int = 1) -> Mode:
    """The mode to try: what was asked for, or by device and length of the run. A function of the options alone."""
    if processes > 1:  # what they tell each other is read on the host
        return Mode("eager", f"shared by {processes} processes")
    if training.mode != "auto":
        return Mode(training.mode, "as asked for")
    if device.type == "cuda":
        if steps >= WORTH_A_CAPTURE:
            return Mode("graph", "auto: a captured step starts without Python")
        return Mode("eager", f"auto: a capture pays from {WORTH_A_CAPTURE} steps on")
    # Two cores, 784-400-20: compiling buys 4 % in fp32 and 13 % in bf16, the first call costs 10 to 25 s.
    return Mode("eager", "auto: compiling gains too little here" if device.type == "cpu" else f"auto on {device.type}")


def make_step(
    step: Step, mode: Mode, examples: Iterable[tuple[Tensor, ...]], changed: Callable[[Mode], None]
) -> RunStep:
    """The step in the wanted mode, or eagerly where that fails; weights and counters are untouched either way.

    Args:
        step: The eager step.
        mode: What is wanted.
        examples: What the host hands over for the first steps; not looked at for eager steps.
        changed: Told where the mode turns out to be another, now or in a later step.
    """
    if mode.name == "eager":
        return step
    # Copies: what hands them over may use its memory again.
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
    """The step with forward pass and loss compiled, backward with them; the optimiser is one kernel already.

    Compiling it along made steps slower on a CPU.
    """
    step.forward = CompiledForward(step, changed)
    with Trial(step):
        step(0, examples[0])
    return step


class CompiledForward:
    """The objective, compiled as one graph; eagerly from the first call on that the compiler refuses.

    The compiler may give up late: a Python number that changes with every step makes it compile anew each time. Errors
    of the model's own come again in the eager call, without the compiler's wrapping.
    """

    def __init__(self, step: Step, changed: Callable[[Mode], None]) -> None:
        self.step = step
        self.changed = changed
        self.compiled = torch.compile(step.objective, fullgraph=True, dynamic=False)
        self.proven = False

    def __call__(self, batch: Batch, number: Tensor) -> dict[str, Tensor]:
        try:
            terms: dict[str, Tensor] = self.compiled(batch, number)
        except Exception as error:
            if not self.proven or out_of_memory(error):
                raise
            self.step.reseed(self.step.at)
            terms = self.step.objective(batch, number)
            self.step.forward = self.step.objective
            self.changed(Mode("eager", f"compile failed at step {self.step.at + 1:,}: {in_short(error)}"))
        self.proven = True
        return terms


def in_short(error: BaseException) -> str:
    """The first line of an error, of a length to read."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text if len(text) <= 160 else f"{text[:157]}…"
