"""Measure the cost of streaming data from a file.

    python benchmarks/streaming.py              streamed compared with resident: training speed of `vae`, batch 128
    python benchmarks/streaming.py --large 10   trains one epoch on a file of 10 GB and watches this process's memory

The first command alternates short segments of both on one machine and prints the ratio of each pair, because only
ratios are meaningful on a busy machine. The second makes a sparse file, writes random bytes into its first tenth, and
deletes it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

import genzoo
from genzoo.core.dataset import DataSpec, Split
from genzoo.data.resident import Resident
from genzoo.data.streamed import Streamed
from genzoo.registry.current import registry
from genzoo.runs.build import build_loss, build_model
from genzoo.runs.config import Components
from genzoo.training.config import Training
from genzoo.training.trainer import Trainer

STEPS = 100
PIXELS = (3, 64, 64)


def trainer(data: Resident) -> Trainer:
    """Return the trainer of the default VAE on MNIST-like data."""
    components = Components.find(registry(), "vae", "mnist", "")
    config = components.defaults()
    spec = DataSpec((1, 28, 28), "bernoulli")
    model = build_model(components.model, spec, config.model_config, 0, data.device)
    loss = build_loss(components.loss, model, config.loss_config, "vae", 0)
    return Trainer(model, loss, Training(epochs=1), data)


def seconds(trained: Trainer) -> float:
    """Return the seconds of one more epoch of `STEPS` steps."""
    return trained.fit().epochs[-1].seconds


def speed(device: torch.device, pairs: int) -> None:
    """Print the ratio of streamed to resident speed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        generator = np.random.Generator(np.random.Philox(0))
        np.save(path, generator.integers(0, 256, (128 * STEPS, 1, 28, 28), np.uint8))
        split = Split(np.load(path, mmap_mode="r"))
        trainers = [trainer(Resident(split, device)), trainer(Streamed(split, device))]
        for each in trainers:
            seconds(each)
        ratios = []
        for pair in range(pairs):
            order = (0, 1) if pair % 2 else (1, 0)
            took = {number: seconds(trainers[number]) for number in order}
            ratios.append(took[0] / took[1])
        low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        print(f"streamed / resident: median {middle:.3f}, quartiles {low:.3f} … {high:.3f}, {pairs} pairs on {device}")
        print(f"all pairs together: {statistics.geometric_mean(ratios):.3f}")


@contextmanager
def watched(most: dict[str, int]) -> Iterator[None]:
    """Record, in a thread, the maximum of this process's memory in /proc, in bytes."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            for line in Path("/proc/self/status").read_text().splitlines():
                name, _, value = line.partition(":")
                if name in ("RssAnon", "RssFile"):
                    most[name] = max(most.get(name, 0), int(value.split()[0]) * 1024)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def large(gigabytes: float, folder: Path | None) -> None:
    """Train on a file of that size and print the memory used."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "x.npy"
        rows = int(gigabytes * 1e9 / np.prod(PIXELS))
        made = np.lib.format.open_memmap(path, "w+", np.uint8, (rows, *PIXELS))  # sparse
        generator = np.random.Generator(np.random.Philox(0))
        for start in range(0, rows // 10, 4096):
            end = min(start + 4096, rows // 10)
            made[start:end] = generator.integers(0, 256, (end - start, *PIXELS), np.uint8)
        del made
        most: dict[str, int] = {}
        began = time.perf_counter()
        with watched(most):
            run = genzoo.run(
                "vae", "npz", data={"path": str(path), "validation": 0.001, "test": 0.001}, runs=place, stream="always",
                epochs=1, batch_size=512, hidden=(16,), latent_dim=4,
            )  # fmt: skip
        took = time.perf_counter() - began
        print(f"{path.stat().st_size / 1e9:.1f} GB, {rows:,} examples, {took:.0f} s; {run.record['status']}")
        print("  ".join(f"{name} at most {value / 1e6:,.0f} MB" for name, value in sorted(most.items())))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=float, metavar="GB", help="size of the file; measures memory instead of speed")
    parser.add_argument("--folder", type=Path, help="folder for the large file")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options = parser.parse_args()
    if options.large:
        large(options.large, options.folder)
    else:
        speed(options.device, options.pairs)
