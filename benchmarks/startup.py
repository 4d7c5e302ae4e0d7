"""What short commands cost before they do anything: CPU seconds of each, beside those of `import torch`.

    python benchmarks/startup.py [--rounds 5] [--run RUN]

In each round every command has its turn in a process of its own, and after each of them `python -c 'import torch'`. The
table has medians, and the median of the ratios of these pairs with the least and the most. `first` is the first call
after an installation, which works out what the later ones find in the cache.
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
"""CPU seconds that each may take."""


def main() -> int:
    """Prints the table; returns 1 where a command takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--run", type=Path, metavar="RUN", help="measure also what reads a finished run")
    options = parser.parse_args()
    commands = (*COMMANDS, *(OF_A_RUN if options.run else ()))
    words = {command: [*GENZOO, *command.replace("RUN", str(options.run)).split()] for command in commands}
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": cache}
        cpu_seconds(TORCH, environment)  # from here on its files are in memory
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
