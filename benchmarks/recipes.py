"""Train the recipes with the commands that a user would type, over seeds, and check each against its bound.

    python benchmarks/recipes.py                    all of them, about an hour on two cores
    python benchmarks/recipes.py dense nonlinear    only rows whose names begin so; the others stay as they were

Writes benchmarks/results/recipes.{json,md} and README's table. Finished runs are read, not repeated.
Exits with 1 if a row misses its bound.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from marked import fill

from genzoo.comparison.statistics import Estimate
from genzoo.evaluation.evaluate import key
from genzoo.reporting.tables import estimate_text
from genzoo.runs.run import Run

HERE = Path(__file__).parent
RUNS = HERE / "results" / "runs"
README, COMMAND = HERE.parent / "README.md", "python benchmarks/recipes.py"


@dataclass(frozen=True)
class Row:
    """A recipe with its options and the metric that it is judged by."""

    name: str
    recipe: str
    metric: str
    """The metric, as `genzoo evaluate --metrics` accepts it."""
    label: str
    """Its label in the table."""
    low: float = -math.inf
    high: float = math.inf
    """The bounds of the metric's mean over seeds."""
    below: str = ""
    """The name of a row whose mean is an upper bound."""
    options: tuple[str, ...] = ()
    seeds: int = 3

    @property
    def command(self) -> list[str]:
        """Return the command that a user types."""
        return ["genzoo", "run", "--config", f"benchmarks/recipes/{self.recipe}.toml", *self.options]

    def run(self, seed: int) -> Run:
        """Train with one seed, or read the run if it exists."""
        path = RUNS / f"{re.sub('[^a-z0-9]+', '-', self.name)}-seed{seed}"
        if not (path / "results.json").is_file():
            call([*self.command, "--seed", str(seed), "--out", str(path), "--quiet"])
        return Run(path)

    def judged(self, run: Run) -> float:
        """Return the metric of a run; evaluate it if the run has not."""
        name, written = key(self.metric), run.path / "judged.json"
        if (value := run.results["test"].get(name)) is not None:
            return float(value)
        if not written.is_file():
            written.write_text(call(["genzoo", "evaluate", str(run.path), "--metrics", self.metric, "--json"]))
        return float(json.loads(written.read_text())[name])


KNN = "5-NN accuracy of the codes"
AUROC = "two-sample AUROC"
DENSITY = "−ELBO"
ROWS = [
    Row("dense-2d", "dense-2d", "knn:5", KNN, low=0.65),
    Row("dense-10d", "dense-10d", "knn:5", KNN, low=0.85),
    Row("tutorial-conv", "tutorial-conv", "negative-elbo", DENSITY, high=205.85),
    Row("nonlinear-2d, quadratic", "nonlinear-2d", "c2st", AUROC, high=0.6),
    Row(
        "nonlinear-2d, moons",
        "nonlinear-2d",
        "c2st",
        AUROC,
        high=0.6,
        options=("--dataset", "moons", "--capacity", "3"),
    ),
    Row(
        "gaussian-decoder",
        "gaussian-decoder",
        "negative-elbo",
        DENSITY,
        below="gaussian-decoder, one learned variance",
    ),
    Row(  # learned, so the best of all fixed variances
        "gaussian-decoder, one learned variance",
        "gaussian-decoder",
        "negative-elbo",
        DENSITY,
        options=("--likelihood", "gaussian-learned"),
        seeds=1,
    ),
]


def call(command: list[str]) -> str:
    """Return the standard output of a genzoo command, run in the checkout's top folder."""
    words = [sys.executable, "-m", *command]
    return subprocess.run(words, cwd=HERE.parent, check=True, stdout=subprocess.PIPE, text=True).stdout


def summarise(row: Row, runs: list[Run]) -> dict[str, Any]:
    """Return every seed's metrics, and whether the mean of the judged one is within its bounds."""
    tests = [run.results["test"] for run in runs]
    metrics = {name: [test[name] for test in tests] for name in ("negative_elbo", "kl", "mse")}
    judged = [row.judged(run) for run in runs]
    last = runs[0]
    return {
        **asdict(row),
        "command": " ".join(row.command),
        "figures": metrics | {"judged": judged},
        "pca": last.results["baselines"].get("pca"),
        "likelihood": last.results["likelihood"],
        "holds": row.low <= fmean(judged) <= row.high,
        "environment": {name: last.record[name] for name in ("genzoo", "python", "packages", "source", "device")},
    }


def markdown(summaries: list[dict[str, Any]]) -> str:
    """Return the table, as in README."""
    lines = [
        "| recipe | seeds | −ELBO | KL | MSE per dimension | PCA, as many latents | judged by |",
        "|---|---|---|---|---|---|---|",
    ]
    for summary in summaries:
        metrics, pca = summary["figures"], summary["pca"]
        beaten = pca and fmean(metrics["mse"]) < pca["mse"]
        beside = f"{pca['mse']:.5f} {'beaten' if beaten else 'NOT beaten'}" if pca else "n/a"
        cells = [estimate_text(Estimate(tuple(metrics[name]))) for name in ("negative_elbo", "kl", "mse")]
        judged = f"{summary['label']} {estimate_text(Estimate(tuple(metrics['judged'])))}"
        lines.append(f"| {summary['name']} | {summary['seeds']} | {' | '.join(cells)} | {beside} | {judged} |")
    return "\n".join(lines) + "\n"


def main(wanted: list[str]) -> int:
    """Run the named rows, or all, and write the table of all rows that were ever run."""
    file = HERE / "results" / "recipes.json"
    known = {summary["name"]: summary for summary in json.loads(file.read_text())} if wanted else {}
    for row in ROWS:
        if not wanted or any(row.name.startswith(name) for name in wanted):
            known[row.name] = summarise(row, [row.run(seed) for seed in range(row.seeds)])
    summaries = [known[row.name] for row in ROWS if row.name in known]
    file.write_text(json.dumps(summaries, indent=2, ensure_ascii=False) + "\n")
    table = markdown(summaries)
    (HERE / "results" / "recipes.md").write_text(table)
    fill(README, COMMAND, table.rstrip())
    print(table)
    means = {summary["name"]: fmean(summary["figures"]["judged"]) for summary in summaries}
    missed = [
        summary["name"]
        for summary in summaries
        if not (summary["holds"] and means[summary["name"]] < means.get(summary["below"], math.inf))
    ]
    if missed:
        print(f"missed their bound: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
