"""Compare genzoo with Pythae, Lightning and pytorch/examples' loop on the same device: benchmarks/peers, in turns."""

from __future__ import annotations

import functools
import multiprocessing
import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import compare
import numpy
import torch
from bench import Bench
from contestants import Pass, Task, present

from genzoo.core.dataset import Split
from genzoo.core.errors import GenzooError

IMAGES = {"vae": 59_904, "conv-vae": 33_280}
"""Images of a pass; two passes are long enough for mode auto to capture."""
TIMES = 5


class MadeUp(Task):
    """The same work on made-up images, if MNIST is not available."""

    @functools.cached_property
    def split(self) -> Split:
        """The images as bytes, with their labels."""
        generator = torch.Generator().manual_seed(0)
        x = (torch.rand((self.images, 28, 28), generator=generator) ** 3 * 255.99).to(torch.uint8)
        return Split(x[:, None], torch.arange(self.images) % 10)

    @functools.cached_property
    def folder(self) -> Path:
        """A folder of the images in MNIST's format."""
        folder = Path(tempfile.mkdtemp(prefix="genzoo-gpu-mnist-"))
        raw = folder / "MNIST/raw"
        raw.mkdir(parents=True)
        x, y = (numpy.asarray(part, dtype=numpy.uint8) for part in self.split)
        for name in ("train", "t10k"):
            for kind, values in (("images-idx3", x[:, 0]), ("labels-idx1", y)):
                header = numpy.array([0x0800 + values.ndim, *values.shape], dtype=">i4").tobytes()
                (raw / f"{name}-{kind}-ubyte").write_bytes(header + values.tobytes())
        return folder


def run(bench: Bench) -> None:
    """Measure each contestant alone, then one row per alternation of those that work, then the ratios; vae first."""
    multiprocessing.set_forkserver_preload(["__main__", "compare", "torch._dynamo"])  # torch's optimisers import it
    for model in ("vae",) if bench.tiny else IMAGES:
        task = task_of(bench, model)
        with compare.players_of(task, present(model), threads=None) as players:
            for name in list(players):
                row = bench.row(f"{model} {name} alone", alone(task, players[name]))
                if row is None:
                    players.pop(name).stop()
            if "genzoo" in players:
                race(bench, task, players)


def alone(task: Task, player: Callable[[], Pass]) -> Callable[[], dict[str, Any]]:
    """Return a row: the speed of one contestant alone, which shows that it works."""
    return lambda: {"images_per_second": task.images / player().seconds}


def task_of(bench: Bench, model: str) -> Task:
    """Return the work, on MNIST if available."""
    images, batch = (128, 32) if bench.tiny else (IMAGES[model], 128)
    device = torch.device(bench.device.type)
    task = Task(model, "fp32", device, images, batch)
    try:
        assert task.folder.is_dir()
    except GenzooError:
        return MadeUp(model, "fp32", device, images, batch)
    return Task(model, "fp32", device, images, batch)


def race(bench: Bench, task: Task, players: Mapping[str, Callable[[], Pass]]) -> None:
    """Run the alternations and keep the result of each."""
    alternations: list[dict[str, Pass]] = []
    for number in range(1 if bench.tiny else TIMES):
        needs = 3 * sum(one.seconds for one in alternations[-1].values()) if alternations else 0.0
        key = f"{task.model} alternation {number + 1}"
        bench.row(key, one_turn(task, players, number, alternations), needs)
    if alternations:
        bench.row(f"{task.model} race", lambda: outcome(task, alternations, list(players)))


def one_turn(
    task: Task, players: Mapping[str, Callable[[], Pass]], number: int, kept: list[dict[str, Pass]]
) -> Callable[[], dict[str, Any]]:
    """Return a row: every contestant once; a different one begins each time."""

    def work() -> dict[str, Any]:
        kept.append(compare.one_alternation(task, players, number))
        return {name: task.images / one.seconds for name, one in kept[-1].items()}

    return work


def outcome(task: Task, alternations: list[dict[str, Pass]], names: list[str]) -> dict[str, Any]:
    """Return images per second and ratios, as lists over the alternations."""
    unequal = ""
    try:
        compare.refuse_unequal(alternations)
    except SystemExit as error:
        unequal = str(error)
    speeds = {name: [task.images / one[name].seconds for one in alternations] for name in names}
    ratios = {name: compare.ratios(alternations, name) for name in names if name != "genzoo"}
    medians = {f"times_{name}": statistics.median(values) for name, values in ratios.items()}
    losses = {name: alternations[-1][name].loss for name in names}
    data = "made up" if isinstance(task, MadeUp) else "mnist"
    return {"model": task.model, "batch": task.batch, **medians, "data": data, "unequal": unequal, "speeds": speeds,
            "ratios": ratios, "losses": losses}  # fmt: skip
