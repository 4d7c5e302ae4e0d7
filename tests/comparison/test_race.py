"""The rankings of a race: what is ranked together, in which order, and beside which baselines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from genzoo.comparison.race import Race, race
from genzoo.core.listener import CLOSED_FORM, OUT_OF_TIME
from genzoo.reporting.race import race_tables
from genzoo.runs.run import Run

PROBABILITY, DENSITY = "probability", "density"


def made(
    folder: Path, model: str, measure: str | None, nll: float | None, distance: float, exactness: str = "", **took: Any
) -> Run:
    """Return a finished run with these results."""
    path = folder / model
    path.mkdir()
    own = {"nll": {"exactness": exactness or "exact"}} if nll is not None else {}
    test = {"n": 100, "nll": nll, "frechet": distance, "details": {**own, "frechet": {"floor": 1.5}}}
    training = {
        "epochs": 0,
        "seconds": 60.0,
        "images_per_second": 500.0,
        "examples_per_epoch": 10_000,
        "peak_memory": 0,
    }
    baselines = {"independent_pixels": 9.0, "uniform": 20.0} if measure == PROBABILITY else {}
    texts = {
        "config": {
            "model": {"name": model},
            "loss": {"name": "elbo"},
            "data": {"name": "digits"},
            "training": {"seed": 0, "epochs": 10, "max_time": 60.0},
        },
        "results": {
            "test": test,
            "training": {**training, "stopped": OUT_OF_TIME, "mode": "eager", **took},
            "baselines": baselines,
            "measure": measure,
            "likelihood": model,
            "latents": 0,
            "parameters": 7,
        },
        "run": {"seed": 0, "device": "cpu", "threads": 1, "sessions": []},
        "speed": {"not_available": "no encoder", "samples_per_second": 12.5},
    }
    for name, values in texts.items():
        (path / f"{name}.json").write_text(json.dumps(values))
    return Run(path)


@pytest.fixture
def found(tmp_path: Path) -> Race:
    """A race of an exact density model, a bound, a continuous density, and a model of samples alone."""
    runs = [
        made(tmp_path, "bound", PROBABILITY, 8.0, 30.0, "bound"),
        made(tmp_path, "exact", PROBABILITY, 10.0, 20.0),
        made(tmp_path, "continuous", DENSITY, -50.0, 40.0, stopped="", seconds=90.0, mode=CLOSED_FORM),
        made(tmp_path, "samples", None, None, 10.0, stopped="", epochs=10, seconds=30.0),
    ]
    return race(runs, ["nll", "frechet"], 60.0)


def test_likelihoods_of_different_measures_are_ranked_apart_and_samples_together(found: Race) -> None:
    rows = [(one.metric, [row.model for row in one.table.rows]) for one in found.contests]
    assert sorted(rows[:2]) == [("nll", ["bound", "exact"]), ("nll", ["continuous"])]
    assert rows[2:] == [("frechet", ["samples", "exact", "bound", "continuous"])]
    assert [one.table.protocol for one in found.contests if one.metric == "frechet"] == ["digits"]


def test_each_ranking_has_its_baselines_in_their_places(found: Race) -> None:
    large = [table for table in race_tables(found)[:-1] if len(table.rows) > 2]
    tables = {table.rows[0][3]: [[row[0], *row[2:]] for row in table.rows[1:]] for table in large}
    assert [[name, value] for name, _, value in tables["−ln p(x) (nats)"]] == [
        ["bound", "≤ 8"], ["independent pixels", "9"], ["exact", "10"], ["uniform", "20"],
    ]  # fmt: skip
    (distances,) = (rows for heading, rows in tables.items() if heading.startswith("Fréchet"))
    assert [name for name, *_ in distances] == ["training data", "samples", "exact", "bound", "continuous"]


def test_what_each_model_took_says_who_did_not_use_the_budget(found: Race) -> None:
    took = {row["model"]: row for row in found.record()["took"]}
    assert took["bound"]["epochs"]["mean"] == 60 * 500 / 10_000
    assert took["bound"]["samples_per_second"]["mean"] == 12.5
    assert {name: row["ended"] for name, row in took.items()} == {
        "bound": OUT_OF_TIME,
        "exact": OUT_OF_TIME,
        "continuous": "fitted in closed form, 1.5 × the budget",
        "samples": "all epochs, 50% of the budget",
    }
