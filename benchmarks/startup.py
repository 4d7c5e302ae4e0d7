"""Measure the start of short commands: CPU seconds of each, compared with `import torch`.

    python benchmarks/startup.py [--rounds 5]        about two minutes

In each round `python -c 'import torch'` and every command run once, each in a new process; `report`, `compare` and
`sample` read a run that is trained before. The table has medians, and the median ratio to the import of the same round
with the minimum and maximum. `first` is the first call after an installation, which fills the cache that later calls
use.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from commands import cpu_seconds

from genzoo.system.computing import processor

TORCH = [sys.executable, "-c", "import torch"]
GENZOO = [sys.executable, "-m", "genzoo"]
COMMANDS = (
    "--help", "list", "info vae", "run vae --help", "run vae --dataset mnist --help", "data path", "data list",
    "run nosuch --dataset mnist", "report RUN", "compare RUN", "sample RUN --out a.txt",
)  # fmt: skip
MOST = 0.6
"""Maximum CPU seconds of each command."""


def main() -> int:
    """Print the table; return 1 if a command takes longer than the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": f"{folder}/cache"}
        run = Path(folder) / "run"
        cpu_seconds([*GENZOO, *f"run vae digits --epochs 1 --quiet --out {run}".split()], environment)
        shutil.rmtree(f"{folder}/cache")
        words = {command: [*GENZOO, *command.replace("RUN", str(run)).split()] for command in COMMANDS}
        first = {command: cpu_seconds(words[command], environment, refused=True) for command in COMMANDS}
        imports: list[float] = []
        found: dict[str, list[float]] = {command: [] for command in COMMANDS}
        for _ in range(rounds):
            imports.append(cpu_seconds(TORCH, environment))
            for command in COMMANDS:
                found[command].append(cpu_seconds(words[command], environment, refused=True))
    print(f"{processor()}, one thread, {rounds} rounds\n")
    print("| command | first | s of CPU | × import torch |\n|---|---|---|---|")
    for command, seconds in found.items():
        ratios = [own / torch for own, torch in zip(seconds, imports, strict=True)]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        print(f"| `genzoo {command}` | {first[command]:.2f} | {statistics.median(seconds):.2f} | {spread} |")
    print(f"| `python -c 'import torch'` | | {statistics.median(imports):.2f} | 1 |")
    return int(max(map(statistics.median, found.values())) > MOST)


if __name__ == "__main__":
    sys.exit(main())
