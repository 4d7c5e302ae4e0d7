"""Quality at a fixed budget: the same runs and rows as the leaderboard of `genzoo bench`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from measuring import Calibration, Rounds, hand_over, replayed
from subjects import Case, modes

from genzoo.comparison.leaderboard import Leaderboard
from genzoo.comparison.tables import tables
from genzoo.experiment.job import Job
from genzoo.experiment.sweep import run_sweep, sweep_runs
from genzoo.registry.current import registry
from genzoo.runs.config import Components
from genzoo.runs.run import RunPaths

pytestmark = pytest.mark.benchmark(timer=replayed)


def test_quality(
    benchmark: Any,
    budget_model: str,
    scope: Any,
    record: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Train with each seed; the metrics of the test data are in extra_info."""
    monkeypatch.setattr(Job, "draw", lambda self, run, model: None)  # the budget does not include figures
    budget = scope.budget
    config = Components.find(registry(), budget_model, budget.dataset).defaults()
    config = config.replace(budget.data, {"epochs": budget.epochs})
    plan = sweep_runs([config], range(budget.seeds))
    made, failures = run_sweep(plan, RunPaths(tmp_path / "runs"), quiet=True, say=lambda text: None)
    assert not failures
    (table,) = tables(made.values())
    (row,) = table.rows
    calibrate = Calibration(torch.device("cpu"))
    seconds = [result["training"]["seconds"] for result in row.results]
    rounds = Rounds(seconds, [calibrate() for _ in range(len(seconds) + 1)])
    hand_over(benchmark, rounds)
    training = config.training
    case = Case(budget_model, training.batch_size, modes()[0], training.precision, "cpu")
    images = round(row.results[0]["training"]["images_per_second"] * row.results[0]["training"]["seconds"])
    scope.count(made[plan[0].key].model)
    record("quality", case, images=images)
    benchmark.extra_info["row"] = Leaderboard(table, table.metrics()[0]).record()["rows"][0]
    benchmark.extra_info["dataset"] = table.protocol
