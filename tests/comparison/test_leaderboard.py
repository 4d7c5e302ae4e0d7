"""The values of a leaderboard, from made-up runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up_boards import board, epochs, made_up

import genzoo
from genzoo.comparison.leaderboard import time_to
from genzoo.comparison.tables import tables
from genzoo.reporting.leaderboard import warnings


def test_the_time_to_a_bound_is_that_of_the_first_epoch_that_has_it(tmp_path: Path) -> None:
    run = made_up(tmp_path / "a", history=epochs(130.0, 110.0, 100.0, 101.0))
    (row,) = board(run).table.rows
    for target, seconds in ((135.0, 2.0), (110.0, 4.0), (109.9, 6.0), (100.0, 6.0)):
        estimate = time_to(row, target)
        assert not isinstance(estimate, str)
        assert estimate.values == (seconds,)
    assert time_to(row, 99.0) == "not reached, best 100"


def test_the_time_to_a_bound_says_why_there_is_none(tmp_path: Path) -> None:
    late = made_up(tmp_path / "late", history=epochs(130.0))
    soon = made_up(tmp_path / "soon", history=epochs(90.0), seed=1)
    (row,) = board(late, soon).table.rows
    assert time_to(row, 100.0) == "reached by 1 of 2 seeds"
    blind = made_up(tmp_path / "blind", history=[{"seconds": 2.0, "validation": {}}])
    assert time_to(board(blind).table.rows[0], 100.0) == "no −ELBO of validation data in the log"
    ae = made_up(tmp_path / "ae", negative_elbo=None, not_available={"negative_elbo": "no prior p(z)"})
    assert time_to(board(ae).table.rows[0], 100.0) == "no prior p(z)"


@pytest.mark.parametrize(
    ("measure", "named"), [("probability", True), ("density", False), ("none", False), (None, False)]
)
def test_baselines_of_pixels_are_for_probabilities(tmp_path: Path, measure: str | None, named: bool) -> None:
    run = made_up(tmp_path / "a", negative_elbo=900.0)
    run.write("results.json", run.results | {"measure": measure, "likelihood": None})
    found = board(run)
    assert ("independent pixels" in {baseline.name for baseline in found.baselines()}) == named
    assert any("independent pixels" in line for line in warnings(found)) == named


def test_models_of_other_measures_have_boards_of_their_own(tmp_path: Path) -> None:
    runs = [made_up(tmp_path / name, name) for name in ("bits", "density")]
    for run, measure in zip(runs, ("probability", "density"), strict=True):
        run.write("results.json", run.results | {"measure": measure, "likelihood": measure})
    assert [[row.model for row in table.rows] for table in tables(runs)] == [["density"], ["bits"]]


def test_copies_of_a_run_are_one_seed_of_speed_and_time(tmp_path: Path) -> None:
    runs = [made_up(tmp_path / f"{number}", history=epochs(130.0, 110.0)) for number in range(3)]
    found = board(*runs, target=115.0)
    (row,) = found.record()["rows"]
    assert row["seeds"] == [0]
    for name in ("train_images_per_second", "seconds_to_target"):
        assert len(row[name]["values"]) == 1
        assert row[name]["interval_95"] is None


def test_equal_to_a_baseline_is_not_better(tmp_path: Path) -> None:
    found = board(made_up(tmp_path / "a", mse=0.025))
    assert [baseline.name for baseline in found.behind(found.table.rows[0])] == ["PCA, 20 components"]


def test_a_baseline_is_that_of_the_metric_that_declares_it_in_its_direction(tmp_path: Path) -> None:
    class Likelihood(genzoo.Metric):
        label = "ln p(x)"
        better = "higher"
        baselines = ("uniform",)

    genzoo.register_metric("likelihood", Likelihood)
    for value, names in ((-500.0, {"uniform"}), (-600.0, {"uniform"}), (600.0, set[str]())):
        run = made_up(tmp_path / str(value), likelihood=value)
        run.write("results.json", run.results | {"baselines": {"uniform": 543.0}})
        found = board(run)
        assert {(one.metric, one.value) for one in found.baselines()} == {
            ("likelihood", 543.0),
            ("negative_elbo", 543.0),
        }
        behind = {one.name for one in found.behind(found.table.rows[0]) if one.metric == "likelihood"}
        assert behind == names
