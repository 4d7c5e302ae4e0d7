"""What the machinery of phases costs a loss that has one: the trainer's step against the same step written without it.

    OMP_NUM_THREADS=1 python benchmarks/phases.py                       vae at batch 128 on made-up images
    OMP_NUM_THREADS=1 python benchmarks/phases.py --hidden 32 --side 8  a net so small that Python is most of its step

Both take turns with the same kernels and numbers; their weights are compared at the end. Shown is the ratio of CPU
times of this thread: the median over pairs of turns with its quartiles and the interval that holds it with 95 %.
Counts of Python's instructions do not vary from run to run. It exits with 1 if the interval is above 1 %.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split
from genzoo.core.noise import derive_seed, reseed, seeded
from genzoo.data.resident import Resident
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.runs.build import build_loss, build_model
from genzoo.training.config import Training
from genzoo.training.phases import Piece
from genzoo.training.step import TINY_STEPS, WHOLE, Step
from genzoo.training.trainer import Trainer

CPU = torch.device("cpu")
BATCH, IMAGES = 128, 1280
WARM_UP = 20
ALLOWED = 0.01


class PlainStep(Step):
    """The step of a loss of one phase without `after_step`, on a CPU, as it was before there were phases."""

    def __call__(self, number: int, inputs: tuple[Tensor, ...]) -> None:
        self.optimizer.lr, share = self.rates(number)
        if self.average:
            self.share.fill_(share)
        if number % TINY_STEPS == 0:
            self.optimizer.drop_tiny()
        reseed(derive_seed(self.training.seed, "step", number), self._generators)
        self.body(inputs)

    def body(self, inputs: tuple[Tensor, ...], piece: Piece = WHOLE) -> None:
        span = self.span
        with span("data"):
            if self._restored:
                torch._foreach_copy_(self._before, self._restored)
            batch = self.see(*inputs)
        with span("forward"):
            terms = self.forward(batch, self.number, 0)
        with span("backward"):
            terms["loss"].backward()
        with torch.no_grad():
            if self._buffers:
                terms = {**terms, "loss": self._checked(terms["loss"].detach(), self._buffers)}
            if self.all_reduce:
                terms = self.all_reduce(terms, 0)
            with span("optimiser"):
                self._update(terms, piece)
                for tensor, before in zip(self._restored, self._before, strict=True):
                    tensor.copy_(torch.where(self.found_inf > 0, before, tensor))
                if self.average:
                    self.average.update(self.share * (1 - self.found_inf))
            self._record(terms)

    def _update(self, terms: dict[str, Tensor], piece: Piece) -> None:
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if self.training.grad_clip:
            torch._foreach_mul_(gradients, torch.clamp(self.training.grad_clip / (norm + 1e-6), max=1.0))
        wrong = (terms["loss"] + norm) * 0
        self.norm = norm
        if self.training.on_nan == "skip":
            self.found_inf.copy_(wrong != 0)
        else:
            self.found_inf.logical_or_(wrong)
        self.optimizer.step(self.found_inf)
        self.optimizer.zero_grad()

    def _record(self, terms: dict[str, Tensor]) -> None:
        wrong = self.found_inf > 0
        if self.sums is None:
            self.start_sums(tuple(terms), torch.zeros(len(terms)))
        assert self.sums is not None
        self.sums += torch.stack(list(terms.values())).masked_fill_(wrong, 0)
        if self.training.on_nan == "skip":
            self.number += 1
            self.skipped += wrong
            self.taken += ~wrong
        else:
            self.number += ~wrong


def prepared(hidden: int, side: int) -> Step:
    """Return the step of a new training of a VAE on made-up images."""
    spec = DataSpec((1, side, side), "bernoulli", size=IMAGES)
    entry = registry().get("model", "vae")
    loss = registry().loss_of(entry)
    model = build_model(entry, spec, default_config(entry, {"hidden": (hidden,)}), 0, CPU)
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(IMAGES, *spec.shape, generator=generator) ** 3 * 255.99).to(torch.uint8)
    objective = build_loss(loss, model, default_config(loss, {}), entry.name, 0)
    trainer = Trainer(model, objective, Training(epochs=1000, batch_size=BATCH), Resident(Split(x), CPU))
    with seeded(0):
        trainer._prepare()
    trainer.objective.train()
    return trainer.body


class Runner:
    """A step that is run again and again."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.number = 0
        self.rows = torch.arange(IMAGES).split(BATCH)

    def run(self, steps: int) -> float:
        """Run some steps and return the CPU seconds of this thread."""
        start = time.thread_time()
        for _ in range(steps):
            self.step(self.number, (self.rows[self.number % len(self.rows)],))
            self.number += 1
        return time.thread_time() - start


def instructions(runner: Runner) -> int:
    """Return how many of Python's instructions a step runs."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        runner.run(1)
    finally:
        sys.settrace(before)
    return count


def middle(ratios: list[float]) -> tuple[float, float]:
    """Return the order statistics between which the median lies with 95 % (a binomial interval)."""
    ordered, spread = sorted(ratios), 0.98 * math.sqrt(len(ratios))
    low, high = math.floor(len(ratios) / 2 - spread), math.ceil(len(ratios) / 2 + spread)
    return ordered[max(low, 0)], ordered[min(high, len(ordered) - 1)]


def compare(hidden: int, side: int, steps: int, pairs: int) -> tuple[float, float]:
    """Print the comparison, and return the interval of the median."""
    ours, plain = Runner(prepared(hidden, side)), Runner(prepared(hidden, side))
    plain.step.__class__ = PlainStep
    runners = [ours, plain]
    for runner in runners:
        runner.run(WARM_UP)
    counts = [instructions(runner) for runner in runners]
    ratios, turns = [], []
    for pair in range(pairs):
        seconds = [runner.run(steps) for runner in (runners if pair % 2 else runners[::-1])]
        one, other = seconds if pair % 2 else seconds[::-1]
        ratios.append(one / other)
        turns.append(other / steps)
    for mine, theirs in zip(ours.step.parameters, plain.step.parameters, strict=True):
        assert torch.equal(mine, theirs), "the two steps do not compute the same"
    low, high = middle(ratios)
    first, median, third = statistics.quantiles(ratios, n=4)
    print(f"{side}x{side}, {hidden} hidden, {statistics.median(turns) * 1e6:,.0f} µs a step without phases")
    print(f"  pairs: {median - 1:+.2%}, quartiles {first - 1:+.2%} to {third - 1:+.2%}; "
          f"the median is from {low - 1:+.2%} to {high - 1:+.2%} ({pairs} pairs of {steps} steps)")  # fmt: skip
    print(f"  Python's instructions: {counts[0]:,} and {counts[1]:,}, {counts[0] / counts[1] - 1:+.2%}")
    return low - 1, high - 1


def main() -> int:
    """Compare, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=400)
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--steps", type=int, default=2, help="steps of a turn")
    parser.add_argument("--pairs", type=int, default=300)
    options = parser.parse_args()
    torch.set_num_threads(1)
    low, _ = compare(options.hidden, options.side, options.steps, options.pairs)
    return int(low > ALLOWED)


if __name__ == "__main__":
    raise SystemExit(main())
