"""Compare genzoo with its peers: the same nets, data, batches and optimiser, in turns, on one machine.

    pip install -e '.[peers]'
    python benchmarks/peers/compare.py --model vae                        about 2 minutes on two quiet cores
    python benchmarks/peers/compare.py --model conv-vae                   about 3
    python benchmarks/peers/compare.py --model vae --precision bf16       genzoo in bf16, the peers in fp32

In each alternation every contestant trains a fresh model for two passes over the same images, and the second pass is
timed; a different contestant begins each time. Each has its own process, because genzoo's settings of the C library's
allocator would make the others faster too. Ratios are taken within an alternation, because other work on the machine
slows all contestants.

Prints a Markdown table and writes benchmarks/results/peers-MODEL-PRECISION-MACHINE.json. MACHINE is the processor or
the GPU: each machine keeps its own results.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.metadata
import json
import multiprocessing
import os
import re
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import torch  # noqa: E402
from contestants import CONTESTANTS, ONLY, Pass, Task, present  # noqa: E402

from genzoo.reporting.tables import markdown_table  # noqa: E402
from genzoo.runs.environment import environment  # noqa: E402
from genzoo.system.devices import choose_device  # noqa: E402

IMAGES = {"vae": 59_904, "conv-vae": 2_560}
"""Images of a pass: an epoch of MNIST, or some seconds. Many short turns are best on a shared machine."""
TARGETS = {
    ("vae", "fp32"): {"pythae": 1.5, "pytorch-examples-like": 2.5, "bare-loop": 0.97},
    ("vae", "bf16"): {"pythae": 2.0},
    ("conv-vae", "fp32"): {"pythae": 1.4, "pytorch-examples-like": 1.4, "bare-loop": 0.97},
    ("conv-vae", "bf16"): {"pythae": 1.9},
}
"""Targets: how many times as fast genzoo should be on a CPU with batches of 128."""
THREAD_SETTINGS = ("OMP_", "GOMP_", "KMP_", "MKL_")
"""Prefixes of variables that set how threads work and wait."""


class BrokenOff(Exception):
    """A contestant failed."""


class Player:
    """A contestant in its own process, so that its allocator and thread settings do not affect the others."""

    def __init__(self, name: str, task: Task, threads: int | None) -> None:
        self.name = name
        context = multiprocessing.get_context("forkserver")  # imports this program once for all
        self.connection, other = context.Pipe()
        self.process = context.Process(target=play, args=(other, name, task, threads))  # may start processes
        self.process.start()
        other.close()

    def __call__(self) -> Pass:
        """Train while the others wait.

        Raises:
            BrokenOff: The contestant failed.
        """
        self.connection.send(None)
        try:
            made: Pass | str = self.connection.recv()
        except EOFError:
            raise BrokenOff(f"the process of {self.name} has ended") from None
        if isinstance(made, str):
            raise BrokenOff(f"{self.name} broke off: {made}")
        return made

    def stop(self) -> None:
        """End the process: ask first, then kill."""
        self.connection.close()
        self.process.join(10)
        self.process.kill()
        self.process.join()


def play(connection: Connection, name: str, task: Task, threads: int | None) -> None:
    """Train whenever asked to: the main function of a contestant's process."""
    if threads:
        torch.set_num_threads(threads)
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        try:
            made: Pass | str = CONTESTANTS[name](task)
        except Exception:
            made = traceback.format_exc()
        connection.send(made)


def alternate(task: Task, players: Mapping[str, Callable[[], Pass]], times: int) -> list[dict[str, Pass]]:
    """Run `times` alternations; a different contestant begins each time."""
    return [one_alternation(task, players, number) for number in range(times)]


def one_alternation(task: Task, players: Mapping[str, Callable[[], Pass]], number: int) -> dict[str, Pass]:
    """Run every contestant once; `number`, from 0, decides which one begins."""
    passes, names = {}, list(players)
    first = number % len(names)
    for name in [*names[first:], *names[:first]]:
        passes[name] = players[name]()
        print(f"{number + 1}  {name}: {task.images / passes[name].seconds:,.0f} images/s", file=sys.stderr)
    return passes


@contextlib.contextmanager
def players_of(task: Task, names: Sequence[str], threads: int | None) -> Iterator[dict[str, Player]]:
    """Start the contestants, which wait in their own processes."""
    players = {name: Player(name, task, threads) for name in names}
    try:
        yield players
    finally:
        for player in players.values():
            player.stop()


def ratios(alternations: Sequence[Mapping[str, Pass]], name: str) -> list[float]:
    """Return how many times as fast as `name` genzoo was in each alternation."""
    return [passes[name].seconds / passes["genzoo"].seconds for passes in alternations]


def table(task: Task, alternations: Sequence[Mapping[str, Pass]], names: Sequence[str]) -> str:
    """Return the Markdown table: medians, with the minimum and maximum in brackets."""
    targets = TARGETS.get((task.model, task.precision), {}) if task.device.type == "cpu" and task.batch == 128 else {}
    rows = [["", "images/s", "genzoo is … times as fast", "target", "−ELBO while training (nats)"]]
    for name in names:
        speeds = [task.images / passes[name].seconds for passes in alternations]
        losses = [loss for passes in alternations if (loss := passes[name].loss) is not None]
        times, target = ratios(alternations, name), targets.get(name)
        median = statistics.median(times)
        verdict = "" if target is None else f"≥ {target:g}: {'reached' if median >= target else 'MISSED'}"
        rows.append([
            name,
            f"{statistics.median(speeds):,.0f} ({min(speeds):,.0f}–{max(speeds):,.0f})",
            "" if name == "genzoo" else f"{median:.2f} ({min(times):.2f}–{max(times):.2f})",
            verdict,
            f"{statistics.median(losses):.2f}" if losses else "",
        ])  # fmt: skip
    return markdown_table(rows)


def refuse_unequal(alternations: Sequence[Mapping[str, Pass]]) -> None:
    """Stop if the contestants did not do the same work: nets of other sizes, or losses nats apart."""
    for passes in alternations:
        sizes = {name: one.parameters for name, one in passes.items() if one.parameters is not None}
        if len(set(sizes.values())) > 1:
            raise SystemExit(f"not the same nets: {sizes}")
    told = [{name: one.loss for name, one in passes.items() if one.loss is not None} for passes in alternations]
    losses = {name: statistics.fmean(each[name] for each in told) for name in told[0]}
    if max(losses.values()) > 1.2 * min(losses.values()):  # seeds differ, above all where passes are short
        raise SystemExit(f"not the same maths: −ELBO {losses}")


def machine_name(made: Mapping[str, Any]) -> str:
    """Return the name of the machine from a run's environment: "Intel Xeon @ 2.50GHz"."""
    if not made["device"].startswith("cpu"):
        return str(made["device"].partition(", ")[2] or made["device"])
    name = re.sub(r"\((R|TM)\)|\b(CPU|Processor|\d+-Core)\b", " ", made.get("processor") or made["platform"])
    return " ".join(name.split())


def slug(name: str) -> str:
    """Return a machine's name in the form used in file names."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def file_name(model: str, precision: str, made: Mapping[str, Any]) -> str:
    """Return the file of a race's record."""
    return f"peers-{model}-{precision}-{slug(machine_name(made))}.json"


def record(task: Task, alternations: Sequence[Mapping[str, Pass]], names: Sequence[str], took: float) -> dict[str, Any]:
    """Return the whole record as plain JSON values."""
    versions: dict[str, str | None] = {}
    for package in ("pythae", "lightning", "torch", "torchvision", "numpy"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "model": task.model,
        "precision": {name: task.precision if name in ("genzoo", "bare-loop") else "fp32" for name in names},
        "batch_size": task.batch,
        "images": task.images,
        "workers": task.workers,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": took,
        "clock": "CPU time" if task.device.type == "cpu" and torch.get_num_threads() == 1 else "wall",
        "load": os.getloadavg(),
        "versions": versions,
        "threads": {
            "torch": torch.get_num_threads(),
            "cores": os.cpu_count(),
            **{name: value for name, value in os.environ.items() if name.startswith(THREAD_SETTINGS)},
        },
        "environment": {k: v for k, v in environment(task.device, ()).items() if k != "command"},
        "alternations": [{name: dataclasses.asdict(one) for name, one in passes.items()} for passes in alternations],
        "ratios": {name: ratios(alternations, name) for name in names if name != "genzoo"},
        "targets": TARGETS.get((task.model, task.precision), {}),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=sorted(IMAGES), default="vae")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--images", type=int, help="images per pass (default: some seconds of work)")
    parser.add_argument("--alternations", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="PyTorch's threads (default: its own choice)")
    parser.add_argument("--workers", type=int, help="DataLoader workers of the last one (default: 1 with CUDA)")
    parser.add_argument("--only", help="a,b: only these contestants, and genzoo")
    parser.add_argument("--out", type=Path, help="the JSON file")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    known = [name for name in CONTESTANTS if ONLY.get(name, options.model) == options.model]
    wanted = options.only.split(",") if options.only else known
    if unknown := sorted(set(wanted) - set(known)):
        parser.error(f"--only {unknown[0]}: known are {', '.join(known)}")
    if missing := [name for name in wanted if name not in present(options.model)]:
        others = ",".join(name for name in wanted if name not in missing)
        parser.error(f"{missing[0]} is not installed: pip install -e '.[peers]', or leave it out: --only {others}")
    names = ["genzoo", *(name for name in wanted if name != "genzoo")]
    images = (options.images or IMAGES[options.model]) // options.batch_size * options.batch_size
    device = choose_device(options.device)
    task = Task(options.model, options.precision, device, images, options.batch_size, workers=options.workers)
    start = time.perf_counter()
    try:
        with players_of(task, names, options.threads) as players:
            alternations = alternate(task, players, options.alternations)
    except BrokenOff as error:
        raise SystemExit(str(error)) from None
    refuse_unequal(alternations)
    took = time.perf_counter() - start
    made = record(task, alternations, names, took)
    out = options.out or HERE.parent / "results" / file_name(task.model, task.precision, made["environment"])
    out.write_text(json.dumps(made, indent=2) + "\n")
    print(f"{task.model}, genzoo in {task.precision}, batches of {task.batch}, {images:,} images a pass, "
          f"{options.alternations} alternations, {environment(device, ())['device']}\n")  # fmt: skip
    print(table(task, alternations, names))
    print(f"{out}; {took:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
