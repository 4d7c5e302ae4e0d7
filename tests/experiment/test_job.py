"""A run's work from its first session to its last: the record tells how it ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from planned import loaded, planned

from genzoo.core.errors import GenzooError
from genzoo.experiment.job import Job
from genzoo.runs.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "draw", lambda self, run, model: None)


def test_a_finished_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    undrawn(monkeypatch)
    job = loaded(planned())
    assert job.work(run, job.first_session(run), None) == 0
    assert run.record["status"] == "finished"
    assert run.record["data_digest"] == job.data.digest
    assert len(run.history) == 2
    assert run.results["training"]["step"] == 8


def test_a_failure_is_in_the_record(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Job, run: Run, model: object) -> None:
        raise GenzooError("no pencil")

    monkeypatch.setattr(Job, "draw", fail)
    job = loaded(planned())
    with pytest.raises(GenzooError, match="no pencil"):
        job.work(run, job.first_session(run), None)
    assert run.record["status"] == "failed: GenzooError: no pencil"


def test_ctrl_c_while_drawing_interrupts_a_run_whose_results_are_there(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Job, run: Run, model: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, "draw", interrupt)
    job = loaded(planned())
    assert job.work(run, job.first_session(run), None) == 2  # SIGINT
    assert run.record["status"] == "interrupted"
    assert run.results["training"]["step"] == 8


def test_the_next_session_notes_where_it_began_and_what_changed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    undrawn(monkeypatch)
    job = loaded(planned())
    job.work(run, job.first_session(run), None)
    loaded(planned()).next_session(run, 8, {"lr": [0.001, 0.01]}).close()
    first, second = run.record["sessions"]
    assert (first["step"], second["step"], second["changed"]) == (0, 8, {"lr": [0.001, 0.01]})
