"""The recipes, each trained by the command a user would type, over seeds, against what it must reach.

    python benchmarks/recipes.py                    all of them, about an hour on two cores
    python benchmarks/recipes.py dense nonlinear    only rows whose name begins so; the others stay as they were

Writes benchmarks/results/recipes.{json,md}. Runs that are finished already are read, not repeated.
Exit code 1 if a row misses its bound.
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

from genzoo.comparison.statistics import Estimate
from genzoo.evaluation.evaluate import key
from genzoo.reporting.tables import estimate_text
from genzoo.runs.run import Run

HERE = Path(__file__).parent
RUNS = HERE / "results" / "runs"


@dataclass(frozen=True)
class Row:
    """A recipe, perhaps with options behind it, and the figure that it is judged by."""

    name: str
    recipe: str
    metric: str
    """What is judged, as `genzoo evaluate --metrics` takes it."""
    label: str
    """What the table calls it."""
    low: float = -math.inf
    high: float = math.inf
    """The figure's mean over seeds must lie between the two."""
    below: str = ""
    """The name of a row whose mean it must be below."""
    options: tuple[str, ...] = ()
    seeds: int = 3

    @property
    def command(self) -> list[str]:
        """What a user types."""
        return ["genzoo", "run", "--config", f"benchmarks/recipes/{self.recipe}.toml", *self.options]

    def run(self, seed: int) -> Run:
        """Trains with one seed, or reads the run if it is there."""
        path = RUNS / f"{re.sub('[^a-z0-9]+', '-', self.name)}-seed{seed}"
        if not (path / "results.json").is_file():
            call([*self.command, "--seed", str(seed), "--out", str(path), "--quiet"])
        return Run(path)

    def judged(self, run: Run) -> float:
        """The figure of a run, evaluated if the run itself did not."""
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
    Row(  # of all fixed variances the best one, as it is learned
        "gaussian-decoder, one learned variance",
        "gaussian-decoder",
        "negative-elbo",
        DENSITY,
        options=("--likelihood", "gaussian-learned"),
        seeds=1,
    ),
]


def call(command: list[str]) -> str:
    """The standard output of a command of genzoo's, in the checkout's top folder."""
    words = [sys.executable, "-m", *command]
    return subprocess.run(words, cwd=HERE.parent, check=True, stdout=subprocess.PIPE, text=True).stdout


def summarise(row: Row, runs: list[Run]) -> dict[str, Any]:
    """Every seed's figures, and whether the judged one's mean is where it must be."""
    tests = [run.results["test"] for run in runs]
    figures = {name: [test[name] for test in tests] for name in ("negative_elbo", "kl", "mse")}
    judged = [row.judged(run) for run in runs]
    last = runs[0]
    return {
        **asdict(row),
        "command": " ".join(row.command),
        "figures": figures | {"judged": judged},
        "pca": last.results["baselines"].get("pca"),
        "likelihood": last.results["likelihood"],
        "holds": row.low <= fmean(judged) <= row.high,
        "environment": {name: last.record[name] for name in ("genzoo", "python", "packages", "source", "device")},
    }


def markdown(summaries: list[dict[str, Any]]) -> str:
    """The table, as README shows it."""
    lines = [
        "| recipe | seeds | −ELBO | KL | MSE per dimension | PCA, as many latents | judged by |",
        "|---|---|---|---|---|---|---|",
    ]
    for summary in summaries:
        figures, pca = summary["figures"], summary["pca"]
        beaten = pca and fmean(figures["mse"]) < pca["mse"]
        beside = f"{pca['mse']:.5f} {'beaten' if beaten else 'NOT beaten'}" if pca else "n/a"
        cells = [estimate_text(Estimate(tuple(figures[name]))) for name in ("negative_elbo", "kl", "mse")]
        judged = f"{summary['label']} {estimate_text(Estimate(tuple(figures['judged'])))}"
        lines.append(f"| {summary['name']} | {summary['seeds']} | {' | '.join(cells)} | {beside} | {judged} |")
    return "\n".join(lines) + "\n"


def main(wanted: list[str]) -> int:
    """Runs the rows asked for, all if none are, and writes the table of all that were ever run."""
    file = HERE / "results" / "recipes.json"
    known = {summary["name"]: summary for summary in json.loads(file.read_text())} if wanted else {}
    for row in ROWS:
        if not wanted or any(row.name.startswith(name) for name in wanted):
            known[row.name] = summarise(row, [row.run(seed) for seed in range(row.seeds)])
    summaries = [known[row.name] for row in ROWS if row.name in known]
    file.write_text(json.dumps(summaries, indent=2, ensure_ascii=False) + "\n")
    table = markdown(summaries)
    (HERE / "results" / "recipes.md").write_text(table)
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
