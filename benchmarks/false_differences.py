"""Measure how often two rows of runs that differ only in their seeds are called different, on real runs.

    python benchmarks/false_differences.py                 digits and MNIST, some minutes on two cores
    python benchmarks/false_differences.py digits          one of them
    python benchmarks/false_differences.py digits --runs FOLDER    keeps the runs there and reuses them

Draws 200 pairs of disjoint groups from 16 seeds of one configuration and tests each pair as `genzoo compare` tests two
rows. A 5 % test calls 5 % of them different. It also compares β = 1 with β = 4. Exits with 1 if more than 8 % are
called different, or β = 4 is not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genzoo.comparison.ranking import paired
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Row, Table, tables
from genzoo.experiment.job import Job
from genzoo.experiment.sweep import run_sweep, sweep_runs
from genzoo.registry.current import registry
from genzoo.runs.config import Components
from genzoo.runs.run import RunPaths

SEEDS, PAIRS, SIZES = 16, 200, (1, 3, 5)
MOST = 0.08
"""5 % plus two standard deviations of a share of 200 pairs."""
METRICS = ("negative_elbo", "reconstruction", "mse")
OPTIONS: dict[str, dict[str, Any]] = {
    "digits": {"epochs": 2, "batch_size": 16, "hidden": (64,), "latent_dim": 8, "lr": 3e-3, "binarize": "static"},
    "mnist": {"epochs": 1, "hidden": (64,), "latent_dim": 8, "binarize": "static"},
}


def rows_of(dataset: str, folder: Path) -> dict[float, Row]:
    """Return the runs by β: every seed at 1, three of them at 4."""
    found = {}
    for beta, seeds in ((1.0, SEEDS), (4.0, 3)):
        config = Components.find(registry(), "vae", dataset).defaults()
        config = config.replace({}, {**OPTIONS[dataset], "beta": beta})
        made, failures = run_sweep(sweep_runs([config], range(seeds)), RunPaths(folder), quiet=True, say=tell)
        assert not failures
        (table,) = tables(made.values())
        (found[beta],) = table.rows
    return found


def tell(text: str) -> None:
    """Print progress on standard error."""
    print(text, file=sys.stderr)


def part_of(row: Row, name: str, places: list[int], examples: list[dict[str, NDArray[Any]]]) -> Row:
    """Return a row called `name` of some of a row's runs, with the values of their examples already read."""
    part = Row(row.model, {"group": name}, tuple(row.runs[i] for i in places), tuple(row.results[i] for i in places))
    vars(part)["by_seed"] = {place: [number] for number, place in enumerate(places)}
    vars(part)["examples"] = {metric: np.mean([examples[i][metric] for i in places], 0) for metric in examples[0]}
    return part


def share(row: Row, metric: str, size: int, examples: list[dict[str, NDArray[Any]]]) -> float:
    """Return the share of pairs of groups of `size` seeds that is called different."""
    generator, settled = torch.Generator().manual_seed(size), 0
    for _ in range(PAIRS):
        chosen = torch.randperm(SEEDS, generator=generator)[: 2 * size].tolist()
        rows = (part_of(row, "a", chosen[:size], examples), part_of(row, "b", chosen[size:], examples))
        test = paired(Table("", rows), metric)
        settled += test is not None and test.settled
    return settled / PAIRS


def main(words: list[str]) -> int:
    """Print the shares and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help="digits, mnist (both)")
    parser.add_argument("--runs", type=Path, metavar="FOLDER")
    options = parser.parse_args(words)
    Job.draw = lambda self, run, model: None  # type: ignore[method-assign]
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        for dataset in options.datasets or OPTIONS:
            rows = rows_of(dataset, (options.runs or Path(temporary)) / dataset)
            row = rows[1.0]
            examples = [Row("", {}, (run,), ({},)).examples for run in row.runs]
            for metric in METRICS:
                estimate = row.estimate(metric)
                assert isinstance(estimate, Estimate)
                shares = {size: share(row, metric, size, examples) for size in SIZES}
                failed |= max(shares.values()) > MOST
                shares_by_size = ", ".join(f"{size} against {size} seeds {value:.1%}" for size, value in shares.items())
                spread = estimate.variance**0.5
                print(f"{dataset}, {metric} {estimate.mean:.4g}, deviation over seeds {spread:.2g}: {shares_by_size}")
            three = part_of(row, "β = 1", [0, 1, 2], examples)
            test = paired(Table("", (three, rows[4.0])), "negative_elbo")
            failed |= not (test and test.settled)
            assert test is not None
            found = "found" if test.settled else "NOT found"
            print(
                f"{dataset}, β = 1 against 4, 3 seeds each: {found}, {test.difference:.3g} ± {test.interval:.2g} nats"
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
