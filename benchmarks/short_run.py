"""Measure a short run without the import of torch: CPU time of whole processes, with their children.

    python benchmarks/short_run.py

A process that only imports torch alternates with `genzoo run vae --dataset digits --epochs 1`, so that a busy machine
slows both. The target is at most 1.2 s more for the run on a machine that imports torch in 2.6 s. Both are mostly
imports, so the target is a ratio on any machine: at most 0.46 of torch's import.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from commands import cpu_seconds

AIM = 1.2 / 2.6
"""Target, as a share of the CPU time of torch's import."""
FIGURES = {"samples", "reconstructions", "latent", "traversals", "interpolations", "kl-per-dim", "curves"}
RUN = ["-m", "genzoo", "run", "vae", "--dataset", "digits", "--epochs", "1", "--out"]


def a_run(folder: Path) -> float:
    """Return the CPU time of a run whose figures and report must all exist in the end."""
    seconds = cpu_seconds([sys.executable, *RUN, str(folder)])
    drawn = {path.stem for path in (folder / "figures").iterdir()}
    if drawn != FIGURES or not (folder / "report.html").exists():
        raise SystemExit(f"{folder} lacks {FIGURES - drawn or 'its report'}")
    return seconds


def median_and_range(values: list[float], unit: str = " s") -> str:
    """Return the median, with the minimum and maximum in brackets."""
    return f"{statistics.median(values):.2f}{unit} ({min(values):.2f} to {max(values):.2f})"


def main() -> int:
    """Print the table; return 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each")
    rounds = parser.parse_args().rounds
    os.environ["OMP_NUM_THREADS"] = "1"
    imports, runs = [], []
    with tempfile.TemporaryDirectory() as folder:
        a_run(Path(folder) / "first")  # compiles modules and fills caches
        for number in range(rounds):
            imports.append(cpu_seconds([sys.executable, "-c", "import torch"]))
            runs.append(a_run(Path(folder) / str(number)))
    beyond = [run - torch for run, torch in zip(runs, imports, strict=True)]
    ratios = [more / torch for more, torch in zip(beyond, imports, strict=True)]
    print(f"import torch       {median_and_range(imports)}")
    print(f"a run              {median_and_range(runs)}")
    print(f"beyond the import  {median_and_range(beyond)}")
    print(f"  over the import  {median_and_range(ratios, '')}, target {AIM:.2f}")
    return int(statistics.median(ratios) > AIM)


if __name__ == "__main__":
    sys.exit(main())
