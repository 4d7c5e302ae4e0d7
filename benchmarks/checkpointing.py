"""Measure the cost of checkpoints.

    python benchmarks/checkpointing.py [--folder .]
    python benchmarks/checkpointing.py --large [--folder .]

Saves a model of 5 MB (15 MB with Adam's moments) repeatedly into the folder and prints which share of the time that is
at the default interval. Then trains `vae` on the digits, the shortest usual run, alternately with and without
checkpoints. With `--large` it trains a `vae` of 68 million parameters, 814 MB per checkpoint, and saves alternately in
a thread and while training waits: for how long training stops, and how much slower steps are during the write. Exits
with 1 if a save stops training for more than 0.5 % of the interval.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

import genzoo
from genzoo.core.dataset import DataSpec, Split
from genzoo.core.listener import Epoch
from genzoo.data.resident import Resident
from genzoo.experiment.checkpointing import Checkpointer
from genzoo.registry.current import registry
from genzoo.runs.build import build_loss, build_model
from genzoo.runs.config import Components
from genzoo.runs.run import Run
from genzoo.training import snapshot
from genzoo.training.callback import Listener
from genzoo.training.config import Training
from genzoo.training.snapshot import Copies
from genzoo.training.trainer import Trainer

SAVES, TURNS, BOUND = 20, 5, 0.005
STEPS = 5
"""Steps timed without a write before each save of a large model."""


def trainer(hidden: list[int], batch_size: int, listeners: tuple[Listener, ...] = (), epochs: int = 1) -> Trainer:
    """Return the trainer of a VAE with these hidden layers; an epoch is one step."""
    components = Components.find(registry(), "vae", "mnist")
    config = components.defaults().replace({}, {"hidden": hidden})
    spec, cpu = DataSpec((1, 28, 28), "bernoulli", size=batch_size), torch.device("cpu")
    model = build_model(components.model, spec, config.model_config, 0, cpu)
    loss = build_loss(components.loss, model, config.loss_config, "vae", 0)
    x = torch.randint(0, 256, (batch_size, 1, 28, 28), dtype=torch.uint8)
    return Trainer(
        model, loss, Training(epochs=epochs, batch_size=batch_size), Resident(Split(x), cpu), None, listeners
    )


class InTurn(Checkpointer):
    """Save alternately in the thread and while training waits; time saves and steps."""

    def __init__(self, run: Run, made: Trainer) -> None:
        super().__init__(run, made, dict)
        self.alone: list[float] = []
        self.beside: list[float] = []
        """Seconds of steps without and during a write in the thread."""
        self.stops: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        """Seconds of wall and CPU time for which training stopped; whether the save used the thread."""
        self.writing: list[float] = []
        """Seconds of each write in the thread."""
        self.mark: tuple[float, bool] | None = None
        self.quiet = 0

    def stepped(self, done: int, terms: object) -> None:
        now, busy = time.perf_counter(), self.writer.busy
        if self.mark and self.mark[1] == busy:
            (self.beside if busy else self.alone).append(now - self.mark[0])
        if self.writer.work and not busy:
            self.hear()
            self.writing.append(now - self.began)
        self.quiet = 0 if busy else self.quiet + 1
        if not self.copies and not busy:
            self.copies = Copies(snapshot.largest(self.trainer))
        elif self.quiet > STEPS:
            self.save_in_turn()
        self.mark = time.perf_counter(), self.writer.busy

    def save_in_turn(self) -> None:
        """Save once, with the time."""
        threaded = len(self.stops[True]) <= len(self.stops[False])
        copies, self.room = self.copies, False
        self.copies = copies if threaded else None
        self.began, cpu = time.perf_counter(), time.thread_time()
        self.save()
        self.stops[threaded].append((time.perf_counter() - self.began, time.thread_time() - cpu))
        assert self.error is None, self.error
        self.copies, self.quiet = copies, 0
        self.trainer.stop_requested = len(self.stops[False]) == TURNS

    def epoch_finished(self, record: Epoch) -> None:
        pass

    def ended(self) -> None:
        self.hear()


def large(folder: Path) -> float:
    """Measure a large model, print the results and return the share of the time for which training stops."""
    made = trainer([3920, 3920, 3920], 16, epochs=10_000)
    size = sum(parameter.numel() for parameter in made.parameters)
    interval = Training().save_every
    with InTurn(Run(folder), made) as checkpointer:
        made.listeners.append(checkpointer)
        made.fit()
    alone, beside, writing = (
        statistics.median(times) for times in (checkpointer.alone, checkpointer.beside, checkpointer.writing)
    )
    print(f"{size / 1e6:.0f} M parameters, {12 * size / 1e6:.0f} MB per checkpoint; a step alone takes {alone:.2f} s")
    shares = {}
    for threaded, what in ((True, "written in a thread"), (False, "while training waits")):
        wall, cpu = ([each[i] for each in checkpointer.stops[threaded]] for i in (0, 1))
        shares[threaded] = statistics.median(wall) / interval
        print(
            f"{what}: training stops for {statistics.median(wall):.2f} s ({min(wall):.2f} … {max(wall):.2f}), "
            f"{statistics.median(cpu):.2f} s of them on a processor: {shares[threaded]:.2%} of the {interval:g} s"
        )
    slower = beside / alone
    lost = writing * (1 - 1 / slower)
    print(
        f"the thread writes for {writing:.2f} s; a step meanwhile takes {slower:.2f} times as long: {lost:.2f} s more"
    )
    return shares[True]


def seconds_a_save(folder: Path) -> list[float]:
    """Return the seconds of several saves, with hashes, flushes and the removal of older checkpoints."""
    made = trainer([760], 128)
    made.fit()
    checkpointer, found = Checkpointer(Run(folder), made, dict), []
    for step in range(SAVES):
        made.step = step
        made.outcome.epochs = []
        made.steps_per_epoch = SAVES + 1
        began = time.perf_counter()
        assert checkpointer.write(), checkpointer.error
        found.append(time.perf_counter() - began)
    return found


def seconds_a_run(folder: Path, save_every: float) -> float:
    """Return the seconds of ten epochs on the digits, with evaluation and figures."""
    began = time.perf_counter()
    genzoo.run("vae", "digits", out=folder, epochs=10, save_every=save_every, quiet=True)
    return time.perf_counter() - began


def main() -> int:
    """Measure, print the results and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(), help="where to save: its disk is measured")
    parser.add_argument("--large", action="store_true", help="a model of 68 million parameters")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        share = large(Path(name)) if arguments.large else small(Path(name))
    return int(share > BOUND)


def small(folder: Path) -> float:
    """Measure a small model, print the results and return the share of the time that a save takes."""
    saves = seconds_a_save(folder)
    size = sum(file.stat().st_size for file in (folder / "checkpoints").rglob("*.safetensors")) / 2
    usual, interval = statistics.median(saves), Training().save_every
    print(f"a checkpoint of {size / 1e6:.1f} MB: median {usual * 1e3:.0f} ms, longest {max(saves) * 1e3:.0f} ms;")
    print(f"{usual / interval:.3%} of the {interval:g} s between two")
    seconds_a_run(folder / "first", 0)
    ratios = []
    for turn in range(TURNS):
        without, with_them = (seconds_a_run(folder / f"{turn}-{every}", every) for every in (0, 60))
        ratios.append(with_them / without)
    all_ratios = ", ".join(f"{ratio:.3f}" for ratio in ratios)
    print(f"digits, 10 epochs, with over without: median {statistics.median(ratios):.3f} ({all_ratios})")
    return usual / interval


if __name__ == "__main__":
    sys.exit(main())
