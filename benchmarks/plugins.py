"""Measure the cost of installed plugins: `genzoo list` and the start of a run, with none and with fifty, in turns.

    python benchmarks/plugins.py

Fifty packages are generated as `genzoo new-plugin` writes them, each with a model, a loss, a dataset and a metric. Then
ten of them are broken; the only change may be ten lines on standard error. Times are CPU seconds, medians over the
turns, so other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from genzoo.cli.scaffold import write_package
from genzoo.registry.entries import Kind

PACKAGES, BROKEN = 50, 10
LISTING = ["list"]
RUN = ["run", "vae", "--dataset", "digits", "--epochs", "1", "--quiet", "--json", "--runs"]


def install(site: Path, count: int) -> None:
    """Install packages into a folder as pip does."""
    for number in range(count):
        name = f"genzoo-made-{number}"
        kinds: tuple[Kind, ...] = ("model", "loss", "dataset", "metric")
        written = write_package(site / "sources", name, {kind: f"made-{kind}-{number}" for kind in kinds})
        module = name.replace("-", "_")
        (written / module).rename(site / module)
        metadata = site / f"{module}-0.1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        (metadata / "entry_points.txt").write_text(f"[genzoo]\n{module} = {module}\n")


def timed(site: Path | None, words: list[str]) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Return the CPU seconds of a command and its result."""
    variables = {**os.environ, "PYTHONPATH": str(site) if site else ""}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "genzoo", *words]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done


def compared(site: Path, words: list[str], turns: int) -> dict[str, float]:
    """Return the medians without and with the packages of a folder."""
    seconds: dict[str, list[float]] = {"none": [], "fifty": []}
    for _ in range(turns + 1):
        for name, folder in (("none", None), ("fifty", site)):
            seconds[name].append(timed(folder, words)[0])
    return {
        name: statistics.median(values[1:]) for name, values in seconds.items()
    }  # the first turn loads the files into memory


def main() -> int:
    """Print the results; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--turns", type=int, default=5, help="turns of each command (default: 5)")
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as folder:
        site, training = Path(folder) / "site", [*RUN, str(Path(folder) / "runs")]
        install(site, PACKAGES)
        listing, run = compared(site, LISTING, turns), compared(site, training, turns)
        whole = timed(site, LISTING)[1]
        for number in range(BROKEN):
            (site / f"genzoo_made_{number}" / "__init__.py").write_text("import there_is_no_such_module\n")
        broken = timed(site, LISTING)[1]
        ran = timed(site, training)[1]
    values = {
        "genzoo list, s of CPU": listing,
        "genzoo run vae, s of CPU": run,
        "lines about ten broken plugins": [len(broken.stderr.splitlines()), len(ran.stderr.splitlines())],
        "entries left": len(broken.stdout.splitlines()),
    }
    print(json.dumps(values, indent=2))
    held = listing["fifty"] <= 0.6 and run["fifty"] <= 1.05 * run["none"]
    held &= values["lines about ten broken plugins"] == [BROKEN, BROKEN]
    held &= len(whole.stdout.splitlines()) - len(broken.stdout.splitlines()) == 4 * BROKEN
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
