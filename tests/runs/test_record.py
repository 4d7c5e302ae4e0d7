"""The record of a run: its sessions, and whether its results are those of its training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genzoo.core.errors import GenzooError
from genzoo.runs.record import (
    FINISHED,
    Session,
    differences,
    evaluated_at,
    former_record,
    has_other_weights,
    shortened,
    total_seconds,
    why_outdated,
)
from genzoo.runs.run import Run

HERE: dict[str, Any] = {"command": ["genzoo", "run"], "threads": 2, "platform": "Linux"}
DATA = {"mnist": {"source": "/data", "sha256": {}}}


def test_each_session_adds_an_entry(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert former_record(run) == {}
    first = Session(run, HERE, DATA, seed=3)
    running = run.record
    assert (running["status"], running["seed"], running["data"], running["threads"]) == ("running", 3, DATA, 2)
    assert total_seconds(running, []) >= 0
    first.status = "interrupted"
    first.close()
    second = Session(run, {**HERE, "threads": 4}, {}, seed=9, step=30, changed={"epochs": [1, 2]})
    second.status = FINISHED
    second.close()
    record = run.record
    assert (record["status"], record["seed"], record["threads"]) == (FINISHED, 3, 2), "those of the first session"
    one, two = record["sessions"]
    assert (one["status"], one["step"], "changed" in one, one["threads"]) == ("interrupted", 0, False, 2)
    assert (two["status"], two["step"], two["changed"], two["threads"]) == (FINISHED, 30, {"epochs": [1, 2]}, 4)
    assert "platform" not in one, "only what can change the bits of a step"
    assert record["ended"] == two["ended"] >= one["ended"]
    assert total_seconds(record, []) == one["seconds"] + two["seconds"]


def test_a_killed_session_counts_as_long_as_its_epochs() -> None:
    killed, resumed = {"started": 0.0, "seconds": 0.0, "status": "running"}, {"seconds": 12.0, "status": FINISHED}
    epochs = [{"seconds": 1.5}, {"seconds": 7.0}, {"seconds": 9.0}, {}]
    assert total_seconds({"sessions": [killed]}, epochs[:2], running=False) == 8.5
    assert total_seconds({"sessions": [killed, resumed]}, epochs) == 17.5


def test_an_error_of_the_session_hides_that_its_record_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(Run(tmp_path), HERE, DATA, seed=0)

    def full(self: Run, name: str, values: object) -> None:
        raise GenzooError("disk full")

    monkeypatch.setattr(Run, "write", full)
    session.status = "failed"
    session.close()
    session.status = FINISHED
    with pytest.raises(GenzooError, match="disk full"):
        session.close()


def test_a_damaged_record_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    assert former_record(Run(tmp_path)) == {}


def test_results_are_those_of_a_step_and_of_the_weights(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert not evaluated_at(run, 5)
    run.write("results.json", {"training": {"step": 5}})
    assert evaluated_at(run, 5)
    assert not evaluated_at(run, 6)
    assert not has_other_weights(run, {"weights": "0" * 64}), "there is no model to compare with"


@pytest.mark.parametrize(
    ("training", "results", "reason"),
    [
        ({"epochs": 2}, {"training": {"epochs": 2}}, ""),
        ({"epochs": 5}, {"training": {"epochs": 2}}, "its metrics are of epoch 2, but 5 epochs were requested"),
        ({"epochs": 5}, {"training": {"epochs": 2, "stopped": "no better"}}, ""),
        ({"epochs": 2, "standardize": "global"}, {"training": {"epochs": 2}}, "its MSE is of standardised values"),
        ({"epochs": 2, "standardize": "global"}, {"training": {"epochs": 2}, "weights": "x"}, ""),
    ],
)
def test_why_results_are_outdated(
    training: dict[str, Any], results: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    found = why_outdated(Run(tmp_path), {"training": training}, results, {})
    assert found.startswith(reason) if reason else found == ""


def test_environments_differ_in_what_matters() -> None:
    before = {"threads": 1, "platform": "a", "packages": {"torch": "2.0", "numpy": "1"}, "device": "cpu"}
    now = {"threads": 2, "platform": "b", "packages": {"torch": "2.1", "numpy": "1"}, "device": "cpu", "matmul": "blas"}
    assert differences(before, now) == ["threads 1 → 2", "torch 2.0 → 2.1"]
    assert differences(before, {**now, "matmul": "onednn"})[1] == "matmul blas → onednn"
    assert shortened({"name": "vae", "origin": "genzoo 1.0"}) == "genzoo 1.0"
    assert shortened("x" * 100) == "x" * 80
