"""Finished runs with made-up metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from genzoo.cli.main import main
from genzoo.comparison.tables import Table, collect, tables
from genzoo.runs.model_file import save_examples
from genzoo.runs.run import EXAMPLES_FILE, Run

N = 400
IMAGES = 100 + 30 * torch.randn(N, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def make(
    folder: Path,
    model: str,
    seed: int,
    bound: float | None,
    *,
    data: dict[str, Any] | None = None,
    record: dict[str, Any] | None = None,
    results: dict[str, Any] | None = None,
    test: dict[str, Any] | None = None,
    **training: Any,
) -> Run:
    """Make a finished run with made-up metrics: images differ by tens of nats, equally in every run."""
    folder.mkdir(parents=True)
    config = {
        "model": {"name": model, "latent_dim": 20},
        "loss": {"name": "elbo", "beta": 1.0},
        "data": data or {"name": "mnist", "validation": 0},
        "training": {"seed": seed, "epochs": 10, "device": "cpu", "binarize": "none", "likelihood": "auto", **training},
    }
    metrics: dict[str, Any] = {"n": N, "negative_elbo": bound, "mse": 0.01, "standard_error": {}, "not_available": {}}
    if bound is None:
        metrics["not_available"] = {"negative_elbo": "no prior p(z)"}
    else:
        noise = torch.randn(N, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
        values = IMAGES - IMAGES.mean() + noise - noise.mean() + bound
        save_examples(folder / EXAMPLES_FILE, {"negative_elbo": values, "mse": IMAGES})
    found = {
        "test": {**metrics, **(test or {})},
        "baselines": {"pca": {"components": 20, "mse": 0.0235}},
        "training": {"images_per_second": 1000.0 * (seed + 1)},
        **(results or {}),
    }
    run = Run(folder)
    for name, content in (("config", config), ("results", found), ("run", record)):
        if content is not None:
            run.write(f"{name}.json", content)
    return run


def shown(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["compare", *map(str, words)]) == 0
    return capsys.readouterr().out


def table_of(places: Path, dataset: str = "mnist") -> Table:
    (table,) = tables(collect([places]), dataset)
    return table


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three seeds of a VAE and of a conv-VAE, an autoencoder, and a VAE under another protocol."""
    for seed, bound in enumerate((105.0, 106.0, 105.6)):
        make(tmp_path / f"vae-{seed}", "vae", seed, bound)
    for seed, bound in enumerate((102.0, 101.7, 102.4)):
        make(tmp_path / f"conv-{seed}", "conv-vae", seed, bound)
    make(tmp_path / "ae", "ae", 0, None)
    make(tmp_path / "dynamic", "vae", 0, 90.0, binarize="dynamic")
    return tmp_path
