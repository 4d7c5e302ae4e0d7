"""Leaderboards of made-up runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from genzoo.comparison.leaderboard import Leaderboard
from genzoo.comparison.tables import tables
from genzoo.runs.run import Run


# The numbers, from made-up runs.
def made_up(folder: Path, model: str = "vae", history: Any = (), latents: int = 20, seed: int = 0, **test: Any) -> Run:
    folder.mkdir(parents=True)
    config = {
        "model": {"name": model, "latent_dim": latents},
        "loss": {"name": "elbo"},
        "data": {"name": "mnist"},
        "training": {"seed": seed, "device": "cpu"},
    }
    pca = {"components": latents, "mse": 0.5 / latents}
    results = {
        "test": {"n": 9, "negative_elbo": 100.0, "mse": 0.01, "not_available": {}, **test},
        "baselines": {"pca": pca, "independent_pixels": 205.0, "uniform": 543.0},
        "latents": latents,
        "parameters": 7,
        "training": {"images_per_second": 1000.0, "peak_memory": 5e8},
    }
    record = {"genzoo": "0", "device": "cpu, 1 thread", "seed": seed, "source": None}
    for name, values in (("config", config), ("results", results), ("run", record)):
        (folder / f"{name}.json").write_text(json.dumps(values))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in history))
    return Run(folder)


def epochs(*bounds: float) -> list[dict[str, Any]]:
    """One epoch a bound; each took two seconds."""
    return [{"seconds": 2.0, "validation": {"loss": 1.0, "negative_elbo": bound}} for bound in bounds]


def board(*runs: Run, target: float | None = None) -> Leaderboard:
    (table,) = tables(runs)
    return Leaderboard(table, "negative_elbo", target)
