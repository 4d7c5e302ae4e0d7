"""Workers: what others make is left to them, what they leave undone is resumed, and no run is made twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from planned import configured

from genzoo.core.errors import NonFiniteError
from genzoo.experiment.experiment import Experiment
from genzoo.experiment.job import Job
from genzoo.experiment.sweep import run_sweep, sweep_runs
from genzoo.experiment.worker import Worker
from genzoo.runs.claims import RELEASED, Claims, State
from genzoo.runs.run import MODEL_FILE, RunPaths
from genzoo.system import lock
from genzoo.system.checksummed import stored_digest
from genzoo.training.trainer import Trainer


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "draw", lambda self, run, model: None)
    monkeypatch.setattr("genzoo.experiment.speed.SECONDS", 0.0)


def folders(paths: RunPaths) -> list[str]:
    """The run folders of a sweep."""
    return sorted(path.parent.name for path in paths.runs.glob("*/config.json"))


def test_what_another_process_makes_is_left_to_it(tmp_path: Path, undrawn: None) -> None:
    paths = RunPaths(tmp_path / "runs")
    first, second = plan = sweep_runs([configured()], [0, 1])
    worker = Worker(plan, paths, quiet=True)
    with worker.claims.taken(first.claim, State()):
        worker.make_free_runs()
        assert worker.runs.keys() == {second.key}
        assert list(worker.held) == [first.name]
        assert worker.held[first.name].startswith("process ")
    worker.make_free_runs()
    assert worker.runs.keys() == {first.key, second.key}
    assert worker.held == {}
    made = folders(paths)
    assert len(made) == 2
    late = Worker(plan, paths, quiet=True)
    late.found.clear()  # as one that looked before the others were done
    late.make_free_runs()
    assert {key: run.path for key, run in late.runs.items()} == {key: run.path for key, run in worker.runs.items()}
    assert folders(paths) == made


def test_the_call_that_prints_waits_for_the_others(
    tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, told = RunPaths(tmp_path / "runs"), []
    (only,) = plan = sweep_runs([configured()], [0])
    with Claims(paths.runs).taken(only.claim, State()) as claim:
        assert claim is not None
        monkeypatch.setattr("genzoo.experiment.worker.time.sleep", lambda seconds: claim.end(RELEASED))
        runs, failures = run_sweep(plan, paths, quiet=True, say=told.append)
    assert (len(runs), failures) == (1, [])
    assert told[0].startswith("waiting for vae, seed 0 by process ")
    assert told[1:] == ["[1/1] vae, seed 0"]


@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_run_whose_process_ended_is_resumed_in_its_folder(
    tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch, checkpoint: bool
) -> None:
    """From its checkpoint, where it has one; its results are those of a run that nothing happened to."""
    whole = RunPaths(tmp_path / "whole")
    plan = sweep_runs([configured(epochs=4, save_every=0.0 if not checkpoint else 1e-6)], [0])
    (expected,) = run_sweep(plan, whole, quiet=True, say=lambda line: None)[0].values()
    paths, told, validate, calls = RunPaths(tmp_path / "runs"), list[str](), Trainer.validate, list[int]()

    def fails(self: Trainer) -> dict[str, float]:
        calls.append(self.step)
        if len(calls) == 3:
            raise SystemError  # as sudden as a kill: nothing is saved after it
        return validate(self)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "validate", fails)
        patched.setattr("genzoo.runs.claims.Claim.end", lambda self, status, **notes: self._ended.set())
        with pytest.raises(SystemError):
            run_sweep(plan, paths, quiet=True, say=told.append)
    monkeypatch.setattr("genzoo.runs.claims.began", lambda pid: None)
    (run,) = run_sweep(plan, paths, quiet=True, say=told.append)[0].values()
    assert told == ["[1/1] vae, seed 0", f"[1/1] vae, seed 0: resumes {run.path}"]
    assert folders(paths) == [run.path.name]
    assert (run.record["sessions"][1]["step"] > 0) == checkpoint
    assert {**run.results, "training": None} == {**expected.results, "training": None}
    assert stored_digest(run.path / MODEL_FILE) == stored_digest(expected.path / MODEL_FILE)


def test_a_failure_is_made_again_by_the_next_call_and_by_no_worker(
    tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = RunPaths(tmp_path / "runs")
    plan = sweep_runs([configured()], [0])

    def fails(self: Experiment) -> None:
        raise NonFiniteError("the loss is nan")

    with monkeypatch.context() as patched:
        patched.setattr(Experiment, "run", fails)
        assert run_sweep(plan, paths, quiet=True, say=lambda line: None) == ({}, ["vae, seed 0: the loss is nan"])
    worker = Worker(plan, paths, quiet=True)
    worker.make_free_runs()
    assert (worker.runs, list(worker.failures.values())) == ({}, ["vae, seed 0: the loss is nan"])
    runs, failures = run_sweep(plan, paths, quiet=True, say=lambda line: None)
    assert (len(runs), failures) == (1, [])


def test_a_run_whose_process_ended_after_its_results_is_completed(
    tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, told, drawn = RunPaths(tmp_path / "runs"), list[str](), list[Path]()
    plan = sweep_runs([configured()], [0, 1])
    run, _ = run_sweep(plan, paths, quiet=True, say=lambda line: None)[0].values()
    weights, record = stored_digest(run.path / MODEL_FILE), run.record
    record["sessions"][0] |= {"status": "running", "ended": None}
    run.write("run.json", record | {"status": "running", "ended": None})
    monkeypatch.setattr(Job, "draw", lambda self, run, model: drawn.append(run.path))
    same, _ = run_sweep(plan, paths, quiet=True, say=told.append)[0].values()
    assert told == ["1 of 2 runs is there already", f"[1/2] vae, seed 0: completes {run.path}"]
    assert (same.path, drawn) == (run.path, [run.path])
    assert (run.record["status"], stored_digest(run.path / MODEL_FILE)) == ("finished", weights)
    told.clear()
    run_sweep(plan, paths, quiet=True, say=told.append)
    assert told == ["2 of 2 runs are there already"]
    run.write("run.json", record | {"status": "running", "ended": None})
    monkeypatch.setattr(Job, "draw", lambda self, run, model: pytest.fail("drawn"))
    with lock.locked(run.path):  # another process does it; its results count all the same
        runs, failures = run_sweep(plan, paths, quiet=True, say=told.append)
    assert (len(runs), failures, run.record["status"]) == (2, [], "running")
