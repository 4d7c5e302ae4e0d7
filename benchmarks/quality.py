"""Quality at a fixed budget: every built-in model on MNIST, against known values.

    python benchmarks/quality.py                    all rows, about 25 minutes on two cores
    python benchmarks/quality.py vae ae             only rows whose names begin with these words

Writes benchmarks/results/quality.{json,md} and README's table. Finished runs are read, not repeated; rows without runs
here keep what is recorded.
Exits with 1 if a row misses its bound.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from marked import fill

import genzoo
from genzoo.comparison.statistics import Estimate
from genzoo.runs.run import Run
from genzoo.system.computing import BLAS, ONEDNN, VARIABLE, matmul

HERE = Path(__file__).parent
RUNS = HERE / "results" / "runs"
RECORD = HERE / "results" / "quality.json"
README, COMMAND = HERE.parent / "README.md", "python benchmarks/quality.py"


@dataclass(frozen=True)
class Row:
    """One row of the table: a model, a protocol, and the metric that has a bound."""

    name: str
    model: str
    bound: float
    """Upper bound of the metric's mean over seeds."""
    metric: str = "negative_elbo"
    seeds: int = 3
    options: dict[str, Any] = field(default_factory=dict)
    matmul: str = BLAS
    """The library of matrix products."""

    def path(self, seed: int) -> Path:
        """Return the folder of this row's run with one seed."""
        return RUNS / f"{self.name.replace(',', '').replace(' ', '-')}-seed{seed}"

    def run(self, seed: int) -> Run:
        """Train this row with one seed, or read the run if it exists."""
        path = self.path(seed)
        if (path / "results.json").is_file():
            return Run(path)
        matmul.cache_clear()
        with patch.dict(os.environ, {VARIABLE: self.matmul}):
            return genzoo.run(self.model, "mnist", data={"validation": 0}, out=path, seed=seed, **self.options)


# Bounds: what a bare training loop of the same maths reaches after 10 epochs (Adam 1e-3, batch 128,
# 60,000 training images) plus a margin, 1 % for ae and beta-vae. Precision, mode and library do not change a bound.
ROWS = [
    Row("ae", "ae", bound=68.8, metric="reconstruction"),
    Row("vae", "vae", bound=105.8),
    Row("vae, dynamic", "vae", bound=102.6, options={"binarize": "dynamic"}),
    Row("vae, static threshold", "vae", bound=88.5, options={"binarize": "threshold"}),
    Row("vae, oneDNN", "vae", bound=105.8, matmul=ONEDNN),
    Row("beta-vae", "beta-vae", bound=124.1),
    Row("vae, 2 latents", "vae", bound=155.0, options={"latent_dim": 2}),
    Row("conv-vae", "conv-vae", bound=103.0, seeds=1),
    Row("vae, bf16", "vae", bound=105.8, options={"precision": "bf16"}),
    Row("vae, compiled", "vae", bound=105.8, options={"mode": "compile"}),
    Row("vae, compiled, bf16", "vae", bound=105.8, options={"mode": "compile", "precision": "bf16"}),
    Row("conv-vae, bf16", "conv-vae", bound=103.0, seeds=1, options={"precision": "bf16"}),
]
COLUMNS = {"negative_elbo": "−ELBO", "reconstruction": "reconstruction", "kl": "KL", "mse": "MSE per pixel"}


def summarise(row: Row, runs: list[Run]) -> dict[str, Any]:
    """Return the mean and 95 % t-interval over seeds of every metric on the test set."""
    tests = [run.results["test"] for run in runs]
    metrics: dict[str, Any] = {}
    for name in COLUMNS:
        values = [test[name] for test in tests]
        if None in values:
            metrics[name] = {"reason": tests[0]["not_available"][name]}
            continue
        estimate = Estimate(tuple(values))
        metrics[name] = {"mean": estimate.mean, "interval": estimate.interval, "seeds": values}
    pca = runs[0].results["baselines"]["pca"]
    return {
        "row": row.name,
        "model": row.model,
        "options": row.options,
        "seeds": row.seeds,
        "test": metrics,
        "pca": pca,
        "beats_pca": metrics["mse"]["mean"] < pca["mse"],
        "bound": {row.metric: row.bound},
        "holds": metrics[row.metric]["mean"] <= row.bound,
        "epochs": runs[0].results["training"]["epochs"],
        "environment": {key: runs[0].record[key] for key in ("genzoo", "python", "packages", "source", "device")},
    }


def cell(metric: dict[str, Any], digits: int) -> str:
    """Return a metric as table text: mean ± 95 % interval, or the reason why it is not available."""
    if "reason" in metric:
        return f"n/a ({metric['reason']})"
    spread = "" if metric["interval"] is None else f" ± {metric['interval']:.{digits}f}"
    return f"{metric['mean']:.{digits}f}{spread}"


def markdown(summaries: list[dict[str, Any]]) -> str:
    """Return the table, as in README."""
    lines = [
        f"| model | seeds | {' | '.join(COLUMNS.values())} | PCA, as many latents |",
        f"|---|---|{'---|' * len(COLUMNS)}---|",
    ]
    for summary in summaries:
        cells = [cell(summary["test"][name], 5 if name == "mse" else 2) for name in COLUMNS]
        verdict = "beaten" if summary["beats_pca"] else "NOT beaten"
        pca = f"{summary['pca']['mse']:.5f} {verdict}"
        lines.append(f"| {summary['row']} | {summary['seeds']} | {' | '.join(cells)} | {pca} |")
    return "\n".join(lines) + "\n"


def main(wanted: list[str]) -> int:
    """Run the chosen rows and write the table of all finished ones."""
    for row in ROWS:
        if not wanted or any(row.name.startswith(name) for name in wanted):
            for seed in range(row.seeds):
                row.run(seed)
    recorded = {summary["row"]: summary for summary in json.loads(RECORD.read_text(encoding="utf-8"))}
    for row in ROWS:
        paths = [row.path(seed) for seed in range(row.seeds)]
        if all((path / "results.json").is_file() for path in paths):
            recorded[row.name] = summarise(row, [Run(path) for path in paths])
    summaries = [recorded[row.name] for row in ROWS if row.name in recorded]
    RECORD.write_text(json.dumps(summaries, indent=2, ensure_ascii=False) + "\n")
    table = markdown(summaries)
    (HERE / "results" / "quality.md").write_text(table)
    fill(README, COMMAND, table.rstrip())
    print(table)
    missed = [summary["row"] for summary in summaries if not summary["holds"]]
    if missed:
        print(f"missed their bound: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
