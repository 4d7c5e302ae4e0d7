"""A run from its configuration to its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from planned import configured

import genzoo
from genzoo.core.errors import UsageError
from genzoo.experiment.experiment import Experiment
from genzoo.experiment.job import Job
from genzoo.registry.current import registry
from genzoo.runs.config import Components
from genzoo.runs.run import RunPaths


def test_a_run_folder_holds_the_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "draw", lambda self, run, model: None)
    config = configured()
    experiment = Experiment(config, RunPaths(out=tmp_path / "run"), quiet=True)
    run = experiment.run()
    assert run is not None
    assert (run.path, experiment.stopped_by) == (tmp_path / "run", 0)
    assert run.config == config
    assert {"config.json", "data.json", "run.json", "metrics.jsonl", "results.json", "model.safetensors"} <= {
        file.name for file in run.path.iterdir()
    }
    assert isinstance(genzoo.load(run.path), genzoo.LatentModel)


def test_a_folder_that_exists_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/notes.txt").write_text("mine")
    monkeypatch.setattr(Experiment, "load", lambda self: pytest.fail("data were loaded"))
    with pytest.raises(UsageError, match="exists already"):
        Experiment(configured(), RunPaths(out=tmp_path / "run"), quiet=True).run()


def test_options_that_do_not_fit_are_refused_by_the_constructor() -> None:
    with pytest.raises(UsageError, match="conv-vae needs images"):
        Experiment(Components.find(registry(), "conv-vae", "moons").defaults(), RunPaths())
