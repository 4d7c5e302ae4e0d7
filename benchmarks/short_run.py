"""What a short run spends besides importing torch: CPU time of whole processes, children included.

    python benchmarks/short_run.py

A process that only imports torch and `genzoo run vae --dataset digits --epochs 1` take turns, so that a busy machine
slows both. The aim is at most 1.2 s more for the run on a machine that imports torch in 2.6 s. Both are mostly imports,
so on any machine it is a ratio: at most 0.46 of torch's import.
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
"""Of the CPU time of torch's import."""
FIGURES = {"samples", "reconstructions", "latent", "traversals", "interpolations", "kl-per-dim", "curves"}
RUN = ["-m", "genzoo", "run", "vae", "--dataset", "digits", "--epochs", "1", "--out"]


def a_run(folder: Path) -> float:
    """The CPU time of a run, of which everything must be there in the end."""
    seconds = cpu_seconds([sys.executable, *RUN, str(folder)])
    drawn = {path.stem for path in (folder / "figures").iterdir()}
    if drawn != FIGURES or not (folder / "report.html").exists():
        raise SystemExit(f"{folder} lacks {FIGURES - drawn or 'its report'}")
    return seconds


def told(values: list[float], unit: str = " s") -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.2f}{unit} ({min(values):.2f} to {max(values):.2f})"


def main() -> int:
    """Prints the table; exit status 1: the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each has its turn")
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
    print(f"import torch       {told(imports)}")
    print(f"a run              {told(runs)}")
    print(f"beyond the import  {told(beyond)}")
    print(f"  over the import  {told(ratios, '')}, the aim is {AIM:.2f}")
    return int(statistics.median(ratios) > AIM)


if __name__ == "__main__":
    sys.exit(main())
