"""Measure the start of short commands: CPU seconds of each, compared with `import torch`.

    python benchmarks/startup.py [--rounds 5] [--run RUN]

In each round every command runs in a new process, followed by `python -c 'import torch'`. The table has medians, and
the median ratio of these pairs with the minimum and maximum. `first` is the first call after an installation, which
fills the cache that later calls use.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from commands import cpu_seconds

TORCH = [sys.executable, "-c", "import torch"]
GENZOO = [sys.executable, "-m", "genzoo"]
COMMANDS = (
    "--help", "list", "info vae", "run vae --help", "run vae --dataset mnist --help", "data path", "data list",
    "run nosuch --dataset mnist",
)  # fmt: skip
OF_A_RUN = ("report RUN", "compare RUN", "sample RUN --out a.txt")
MOST = 0.6
"""Maximum CPU seconds of each command."""


def main() -> int:
    """Print the table; return 1 if a command takes longer than the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--run", type=Path, metavar="RUN", help="also measure commands that read a finished run")
    options = parser.parse_args()
    commands = (*COMMANDS, *(OF_A_RUN if options.run else ()))
    words = {command: [*GENZOO, *command.replace("RUN", str(options.run)).split()] for command in commands}
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": cache}
        cpu_seconds(TORCH, environment)  # loads its files into memory
        first = {command: cpu_seconds(words[command], environment, refused=True) for command in commands}
        pairs: dict[str, list[tuple[float, float]]] = {command: [] for command in commands}
        for _ in range(options.rounds):
            for command in commands:
                pairs[command].append(
                    (cpu_seconds(words[command], environment, refused=True), cpu_seconds(TORCH, environment))
                )
    print("| command | first | s of CPU | × import torch |\n|---|---|---|---|")
    slow = False
    for command, found in pairs.items():
        ratios, seconds = [own / torch for own, torch in found], statistics.median(own for own, _ in found)
        slow |= seconds > MOST
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        print(f"| `genzoo {command}` | {first[command]:.2f} | {seconds:.2f} | {spread} |")
    torch = [torch for found in pairs.values() for _, torch in found]
    print(f"| `python -c 'import torch'` | | {statistics.median(torch):.2f} | 1 |")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
