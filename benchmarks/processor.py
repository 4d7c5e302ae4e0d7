"""Measure processor settings: the library of matrix products, the number of threads, and how they wait.

    python benchmarks/processor.py > benchmarks/results/processor.md        about five minutes

Each setting trains the same `vae` at batch 128 and computes iwae:100 with it, in a new process; the settings take
turns, on a machine that should be quiet, and those of threads next to two busy processes too. Prints images per second
(median, minimum and maximum) and the ratio to genzoo's defaults within a turn.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator

SETTINGS: dict[str, dict[str, str]] = {
    "genzoo's choice": {},
    "blas": {"GENZOO_MATMUL": "blas"},
    "onednn": {"GENZOO_MATMUL": "onednn"},
    "one thread": {"OMP_NUM_THREADS": "1"},
    "OpenMP's default waiting time": {"GOMP_SPINCOUNT": "300000"},
    "OMP_WAIT_POLICY=passive": {"OMP_WAIT_POLICY": "passive"},
}
LIBRARIES = ("blas", "onednn")
"""The settings that are measured only on a quiet machine."""
MEASURES = {"train": "trained images/s", "iwae": "iwae image·samples/s"}


def work(steps: int, examples: int) -> dict[str, float]:
    """Train and evaluate in this process; return the speed of each."""
    import time

    import torch
    from ceiling import made_up

    from genzoo.core.dataset import DataSpec, Split
    from genzoo.data.resident import Resident
    from genzoo.evaluation.evaluate import evaluate, find_metrics
    from genzoo.registry.configs import default_config
    from genzoo.registry.current import registry
    from genzoo.runs.build import build_loss, build_model
    from genzoo.training.config import Training
    from genzoo.training.trainer import Trainer

    device, training = torch.device("cpu"), Training(epochs=4)
    x = made_up(steps * training.batch_size)
    entry = registry().get("model", "vae")
    loss_entry = registry().loss_of(entry)
    model = build_model(entry, DataSpec((1, 28, 28), "bernoulli"), default_config(entry, entry.options), 0, device)
    loss = build_loss(loss_entry, model, default_config(loss_entry, loss_entry.options), "vae", 0)
    outcome = Trainer(model, loss, training, Resident(Split(x), device)).fit()
    epochs = [len(x) / epoch.seconds for epoch in outcome.epochs[1:]]
    black_and_white = (x[:examples] > 127).to(torch.uint8) * 255
    test, metrics = Resident(Split(black_and_white), device), find_metrics(registry(), ["iwae:100"])
    bound = evaluate(model, test, metrics)["iwae_100"]
    assert bound is not None
    start = time.perf_counter()
    evaluate(model, test, metrics)
    return {"train": statistics.median(epochs), "iwae": 100 * examples / (time.perf_counter() - start)}


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Run `count` processes that compute all the time."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def one_turn(name: str, steps: int, examples: int) -> dict[str, float]:
    """Return the speeds of one setting, measured in a new process."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "KMP_"))}
    command = [sys.executable, __file__, "--work", str(steps), str(examples)]
    done = subprocess.run(command, env={**kept, **SETTINGS[name]}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name}: {done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def median_and_range(values: list[float], digits: str) -> str:
    """Return the median with the minimum and maximum in brackets."""
    return f"{statistics.median(values):{digits}} ({min(values):{digits}} to {max(values):{digits}})"


def main() -> None:
    """Print a table for a quiet machine and one for a busy one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60, help="steps per epoch; four epochs are trained")
    parser.add_argument("--examples", type=int, default=500, help="examples for iwae:100")
    parser.add_argument("--busy", type=int, default=2, help="number of busy processes")
    parser.add_argument("--work", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(work(*options.work)))
        return
    from genzoo.reporting.tables import markdown_table
    from genzoo.system.computing import matmul, processor

    print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; genzoo chooses {matmul()}")
    for count in (0, options.busy):
        names = [name for name in SETTINGS if not count or name not in LIBRARIES]
        turns: list[dict[str, dict[str, float]]] = []
        with busy(count):
            for turn in range(options.turns):
                order = names[turn % len(names) :] + names[: turn % len(names)]
                turns.append({name: one_turn(name, options.steps, options.examples) for name in order})
        rows = [["quiet" if not count else f"next to {count} busy processes", *MEASURES.values(), "ratio of each"]]
        for name in names:
            speeds = {what: [turn[name][what] for turn in turns] for what in MEASURES}
            ratios = [
                median_and_range([turn[name][what] / turn[names[0]][what] for turn in turns], ".2f")
                for what in MEASURES
            ]
            rows.append([name, *(median_and_range(values, ",.0f") for values in speeds.values()), ", ".join(ratios)])
        print(f"\n{markdown_table(rows)}", flush=True)


if __name__ == "__main__":
    main()
