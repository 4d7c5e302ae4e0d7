"""`genzoo.find_runs`: the runs of a folder as a list."""

from __future__ import annotations

from pathlib import Path

import pytest

import genzoo
from genzoo.cli.found_runs import record
from genzoo.runs.overview import label


def test_runs_are_found_by_what_they_are(runs: Path) -> None:
    found = genzoo.find_runs(runs)
    assert len(found) == 8
    assert {run.path.name for run in found} >= {"vae-0", "conv-2", "ae", "dynamic"}
    assert {run.path.name for run in genzoo.find_runs(runs, model="conv-vae")} == {"conv-0", "conv-1", "conv-2"}
    assert len(genzoo.find_runs(runs, dataset="mnist")) == 8
    assert len(genzoo.find_runs(runs, dataset="digits")) == 0
    label(found[0], add=["good"])
    assert [run.path for run in genzoo.find_runs(runs, tag="good")] == [found[0].path]
    assert [run.path for run in found[:2]] == [found[0].path, found[1].path]
    assert [line.split()[0] for line in repr(found).splitlines()] == [str(run.path) for run in found]


def test_the_best_run_is_that_of_the_command_line(runs: Path) -> None:
    models = genzoo.find_runs(runs, model="conv-vae")
    assert models.best("negative-elbo").path.name == "conv-1"
    with pytest.raises(genzoo.UsageError, match="are not comparable"):
        genzoo.find_runs(runs).best("negative-elbo")
    with pytest.raises(genzoo.UsageError, match=r"has it. Did you mean 'mse'\?"):
        models.best("mze")
    with pytest.raises(genzoo.UsageError, match="no runs in"):
        genzoo.find_runs(runs, dataset="digits").best("mse")


def test_a_list_is_shown_as_a_table(runs: Path) -> None:
    found = genzoo.find_runs(runs)
    assert found._repr_html_().count("<tr>") == 9
    assert len(repr(found).splitlines()) == 8
    assert repr(genzoo.find_runs(runs, dataset="digits")) == f"no runs in {runs}"


def test_a_row_has_state_options_and_metrics(runs: Path) -> None:
    found = genzoo.find_runs(runs, model="ae")
    row = record(found.overviews[0])
    assert (row["model"], row["data"], row["seed"], row["mse"]) == ("ae", "mnist", 0, 0.01)
    assert "negative_elbo" not in row


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(genzoo.UsageError, match="no folder"):
        genzoo.find_runs(tmp_path / "none")
    with pytest.raises(genzoo.UsageError, match="no such status"):
        genzoo.find_runs(tmp_path, status="done")
