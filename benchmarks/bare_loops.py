"""The trainer of each model against a bare loop of the same mathematics, over models of every family.

    OMP_NUM_THREADS=1 python benchmarks/bare_loops.py                      one model or more of each family
    OMP_NUM_THREADS=1 python benchmarks/bare_loops.py --models vae,maf     these
    OMP_NUM_THREADS=1 python benchmarks/bare_loops.py --publish            and write results/bare-loops.md

The bare loop has the model's own modules and loss and nothing around them: the batch, the terms, `backward`, torch's
fused Adam, and the loss's phases and `after_step`. It has no check, no seed and no record. Both take turns of a few
steps at a batch size of 128, on made-up data. Shown is the ratio of CPU times of this thread, trainer over bare loop:
the median over pairs of turns and the interval that holds it with 95 %; and the median ratio of wall times. It exits
with 1 if an interval of CPU times lies above 1.1.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from phases import middle
from torch import Tensor
from torch.optim import Adam

from genzoo.core.noise import seeded
from genzoo.core.text import names_in
from genzoo.data.resident import Resident
from genzoo.registry.current import registry
from genzoo.testing.pair import SPECS, Pair
from genzoo.training.config import Training
from genzoo.training.phases import trained_by
from genzoo.training.trainer import Trainer

CPU = torch.device("cpu")
BATCH, EXAMPLES, WARM_UP = 128, 1280, 5
PAIRS, LEAST_PAIRS = 40, 12
SECONDS = 4.0
"""Of CPU time a model, after which fewer pairs are enough."""
TURN = 0.03
"""Least seconds of a turn."""
ALLOWED = 1.1
"""What a step of the trainer may cost, in steps of the bare loop."""
SMALL_IMAGES = SPECS["grey images"]._replace(shape=(1, 16, 16))
MODELS = {
    "vae": SPECS["grey images"], "iwae": SPECS["grey images"], "factor-vae": SPECS["grey images"],
    "vamp-vae": SPECS["grey images"], "denoising-ae": SPECS["grey images"], "wae": SPECS["grey images"],
    "ladder-vae": SPECS["grey images"], "gumbel-vae": SPECS["grey images"], "vq-vae": SMALL_IMAGES,
    "made": SPECS["grey images"], "pixelcnn": SMALL_IMAGES._replace(shape=(1, 8, 8)), "char-model": SPECS["tokens"],
    "maf": SPECS["vectors"], "spline-flow": SPECS["vectors"], "flow-matching": SPECS["vectors"],
    "edm": SPECS["vectors"], "gan": SPECS["grey images"], "wgan-gp": SPECS["grey images"],
    "multimodal-vae": SPECS["vectors"],
}  # fmt: skip
"""Models, and the form of the data that they are trained on."""
RESULTS = Path(__file__).parent / "results" / "bare-loops.md"
Step = Callable[[int, Tensor], None]
"""Trains on some rows of the data, given the number of steps before."""


def prepared(model: str) -> Trainer:
    """Return a trainer that is ready for its first step."""
    pair = Pair.of(model, spec=MODELS.get(model, SPECS["grey images"]))
    objective = pair.build()
    data = Resident(pair.split(EXAMPLES), CPU)
    trainer = Trainer(objective.model, objective.loss, Training(epochs=1000, batch_size=BATCH, mode="eager"), data)
    with seeded(0):
        trainer._prepare()
    trainer.objective.train()
    return trainer


def trained(trainer: Trainer) -> Step:
    """Return the trainer's own step."""
    return lambda number, rows: trainer.body(number, (rows,))


def bare(trainer: Trainer) -> Step:
    """Return a step with a trainer's model, loss and data, and without the trainer."""
    model, loss, lr = trainer.objective.model, trainer.objective.loss, trainer.training.lr
    members = [list(own.values()) for own in trained_by(trainer.objective)]
    several = len(members) > 1
    optimizers = [
        Adam(own, lr * phase.lr, betas=phase.betas or (0.9, 0.999), fused=True)
        for phase, own in zip(loss.phases, members, strict=True)
    ]

    def step(number: int, rows: Tensor) -> None:
        batch, count = trainer.train_data.batch(rows), torch.tensor(number)
        for index, phase in enumerate(loss.phases):
            if (number + 1) % phase.every:
                continue
            terms = loss(model, batch, count, index) if several else loss(model, batch, count)
            terms[phase.term].backward(inputs=members[index] if several else None)
            optimizers[index].step()
            optimizers[index].zero_grad()
        if loss.acts_after_step():
            with torch.no_grad():
                loss.after_step(model, batch, count)

    return step


class Turns:
    """A step that is run some times in a row, again and again."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.number = 0
        self.rows = torch.arange(EXAMPLES).split(BATCH)

    def run(self, steps: int) -> tuple[float, float]:
        """Run some steps and return the CPU seconds of this thread and the wall seconds."""
        cpu, wall = time.thread_time(), time.perf_counter()
        for _ in range(steps):
            self.step(self.number, self.rows[self.number % len(self.rows)])
            self.number += 1
        return time.thread_time() - cpu, time.perf_counter() - wall


def compare(model: str) -> tuple[str, float]:
    """Return the row of a model in the table, and the lower end of its interval."""
    ours, alone = Turns(trained(prepared(model))), Turns(bare(prepared(model)))
    slowest = max(turns.run(WARM_UP)[0] for turns in (ours, alone)) / WARM_UP
    cycle = math.lcm(*(phase.every for phase in prepared(model).objective.loss.phases))
    steps = cycle * math.ceil(TURN / (slowest * cycle))  # turns of several phases hold the same of each
    ratios: list[float] = []
    walls: list[float] = []
    times: list[float] = []
    while len(ratios) < PAIRS and (len(ratios) < LEAST_PAIRS or sum(times) * steps < SECONDS / 2):
        first, second = (ours, alone) if len(ratios) % 2 else (alone, ours)
        found = {first: first.run(steps), second: second.run(steps)}
        ratios.append(found[ours][0] / found[alone][0])
        walls.append(found[ours][1] / found[alone][1])
        times.append(found[alone][0] / steps)
    low, high = middle(ratios)
    size = "×".join(map(str, MODELS.get(model, SPECS["grey images"]).shape))
    interval = f"{statistics.median(ratios):.3f} ({low:.3f} to {high:.3f})"
    milliseconds = f"{1000 * statistics.median(times):.2f}"
    return f"| {model} | {size} | {milliseconds} | {interval} | {statistics.median(walls):.2f} | {len(ratios)} |", low


HEAD = """\
| model | values | bare step, ms | trainer ÷ bare loop, CPU time (95 %) | wall time | pairs |
|---|---|---|---|---|---|"""


def main() -> int:
    """Compare, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=names_in, default=list(MODELS), help="a list such as vae,maf")
    parser.add_argument("--publish", action="store_true", help=f"write results/{RESULTS.name}")
    words = parser.parse_args()
    torch.set_num_threads(1)
    registry().get("model", words.models[0])  # imports the plugins before anything is timed
    print(HEAD)
    rows, slow = [], []
    for model in words.models:
        row, low = compare(model)
        print(row, flush=True)
        rows.append(row)
        slow += [model] if low > ALLOWED else []
    if words.publish:
        text = f"`python benchmarks/bare_loops.py --publish`, torch {torch.__version__}, one thread.\n\n"
        RESULTS.write_text(f"# The trainer and bare loops\n\n{text}" + "\n".join([HEAD, *rows]) + "\n", "utf-8")
    print(f"above {ALLOWED}: {', '.join(slow)}" if slow else f"none is above {ALLOWED}")
    return int(bool(slow))


if __name__ == "__main__":
    raise SystemExit(main())
