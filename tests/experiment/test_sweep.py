"""The runs of a sweep: which there are, and which are there already."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from commandline import genzoo
from planned import configured

from genzoo.comparison.tables import tables
from genzoo.core.errors import UsageError
from genzoo.experiment.experiment import Experiment
from genzoo.experiment.job import Job
from genzoo.experiment.reuse import finished
from genzoo.experiment.sweep import parse_seeds, run_sweep, sweep_runs
from genzoo.runs.run import EXAMPLES_FILE, REPORT_FILE, RunPaths
from genzoo.system.checksummed import read_arrays


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0..4", [0, 1, 2, 3, 4]), ("3", [3]), ("0,2,7", [0, 2, 7]), ("5..6,5", [5, 6]), ("0-2, 7", [0, 1, 2, 7])],
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


def test_ranges_are_shown_in_one_spelling(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="--seeds x: 'x' is no seed\n  write 0-4, or 0,2,7"):
        parse_seeds("x")
    for verb in ("bench", "sweep", "race", "reproduce"):
        said = genzoo(f"{verb} --help").out + genzoo(f"{verb} vae digits --seed 1").err
        assert "--seeds 0-4" in said
        assert not re.search(r" \d\.\.\d", said)


def test_one_seed_of_all_before_the_next_of_any() -> None:
    runs = sweep_runs([configured(), configured("ae")], [0, 1])
    assert [run.name for run in runs] == ["vae, seed 0", "ae, seed 0", "vae, seed 1", "ae, seed 1"]
    assert len({run.key for run in runs}) == len({run.claim for run in runs}) == 4
    (measured,) = sweep_runs([configured(metrics=("iwae:3",))], [0])
    assert measured.key != runs[0].key
    assert measured.claim == runs[0].claim, "whatever is asked for, it is trained once"


def test_a_finished_run_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one whose model diverged in its last step."""
    monkeypatch.setattr(Job, "draw", lambda self, run, model: None)
    made: list[int] = []
    start = Experiment.run
    monkeypatch.setattr(Experiment, "run", lambda self: made.append(self.config.training.seed) or start(self))
    paths = RunPaths(tmp_path / "runs")
    diverges = configured(lr=1e30, epochs=1, batch_size=200)
    plan = [*sweep_runs([configured()], [0, 1]), *sweep_runs([diverges], [2])]
    done, failures = run_sweep(plan, paths, quiet=True, say=lambda line: None)
    assert (made, failures) == ([0, 1, 2], [])
    assert done[plan[2].key].results["test"]["negative_elbo"] == "nan"
    assert finished(plan, paths).keys() == done.keys() == {run.key for run in plan}
    run_sweep(plan, paths, quiet=True, say=lambda line: None)
    assert made == [0, 1, 2]
    (table,) = tables(done.values())
    assert [row.gap for row in table.rows if row.settings["lr"] == 1e30] == ["nan"]
    for file in (run.path / "config.json" for run in done.values()):  # made before these were options
        config = json.loads(file.read_text())
        del config["model"]["activation"], config["loss"]["gamma"], config["training"]["ema"]
        file.write_text(json.dumps(config))
    assert finished(plan, paths).keys() == done.keys()
    other = dataclasses.replace(plan[0].config, training=dataclasses.replace(plan[0].config.training, lr=0.01))
    assert finished(sweep_runs([other], [0]), paths) == {}


@pytest.mark.long
def test_a_metric_asked_for_later_is_evaluated_on_the_stored_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is trained, and the results are those of a run that was asked for it from the start."""
    monkeypatch.setattr(Job, "draw", lambda self, run, model: None)
    paths, more = RunPaths(tmp_path / "runs"), ("iwae:3", "nll:2")
    data = {"train": 200, "validation": 60, "test": 100}
    plain, asked = (sweep_runs([configured("vae", "rings", data, metrics=names)], [0]) for names in ((), more))
    (before,) = run_sweep(plain, paths, quiet=True, say=lambda line: None)[0].values()
    told: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(Experiment, "run", lambda self: pytest.fail("trained again"))
        (run,) = run_sweep(asked, paths, quiet=True, say=told.append)[0].values()
        assert told == ["[1/1] vae, seed 0: evaluates iwae:3, nll:2"]
        run_sweep(asked, paths, quiet=True, say=told.append)
        run_sweep(plain, paths, quiet=True, say=told.append)
        assert told[1:] == ["1 of 1 run is there already"] * 2
    assert run.path == before.path
    whole = Experiment(asked[0].config, RunPaths(tmp_path / "whole"), quiet=True).run()
    assert whole is not None
    assert {**run.results, "training": None} == {**whole.results, "training": None}
    assert run.plain_config == whole.plain_config
    assert "nll_2" in run.results["gaps"]
    stored = [read_arrays(one.path / EXAMPLES_FILE) for one in (run, whole)]
    assert stored[0].keys() == stored[1].keys()
    assert all((stored[0][name] == stored[1][name]).all() for name in stored[0])
    assert (run.path / REPORT_FILE).exists()
