"""Run listeners: what they hear, and that none of them can harm a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import genzoo
from genzoo.cli.main import main
from genzoo.core.errors import NonFiniteError, PluginError, UsageError
from genzoo.runs.overview import Overview
from genzoo.runs.run import MODEL_FILE
from genzoo.system.checksummed import stored_digest

HEARD: list[Any] = []
STATUS = "stopped: seen enough"
QUICK = {"epochs": 2, "hidden": (8,), "quiet": True}


class Ear(genzoo.RunListener):
    """Notes what it hears, and what there is in the run's folder then."""

    def run_started(self, run: genzoo.Run) -> None:
        HEARD.append(("started", len(run.history), run.record["status"]))

    def epoch_finished(self, run: genzoo.Run, epoch: genzoo.Epoch) -> None:
        HEARD.append(("epoch", epoch.epoch, len(run.history), epoch.train["loss"]))

    def run_finished(self, run: genzoo.Run, status: str) -> None:
        report = (run.path / "report.html").exists()
        HEARD.append(("finished", status, run.record["status"], report))


class Deaf(genzoo.RunListener):
    """Fails wherever it can."""

    def epoch_finished(self, run: genzoo.Run, epoch: genzoo.Epoch) -> None:
        print("to standard output")
        raise SystemExit("no more")


class Impatient(genzoo.RunListener):
    """Ends the run after its first epoch."""

    def epoch_finished(self, run: genzoo.Run, epoch: genzoo.Epoch) -> None:
        if epoch.epoch == 1:
            raise genzoo.StopRun("seen\nenough")


@pytest.fixture(autouse=True)
def listeners() -> None:
    HEARD.clear()
    genzoo.register_listener("impatient", Impatient)
    genzoo.register_listener("ear", Ear)
    genzoo.register_listener("deaf", Deaf)


def trained(folder: Path, *listeners: str, **options: Any) -> genzoo.Run:
    return genzoo.run("vae", "digits", out=folder, listeners=listeners, **{**QUICK, **options})


def test_a_listener_hears_start_epochs_and_end(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "ear")
    losses = [epoch["train"]["loss"] for epoch in run.history]
    assert [
        ("started", 0, "running"),
        ("epoch", 1, 1, losses[0]),
        ("epoch", 2, 2, losses[1]),
        ("finished", "finished", "finished", True),
    ] == HEARD


def test_a_resumed_run_is_heard_from_where_it_goes_on(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "ear")
    HEARD.clear()
    genzoo.resume(run.path, epochs=3, quiet=True)
    assert [what[:2] for what in HEARD] == [("started", 2), ("epoch", 3), ("finished", "finished")]
    HEARD.clear()
    genzoo.resume(run.path, epochs=4, listeners=(), quiet=True)  # may change in a run
    assert HEARD == []


def test_several_listeners_are_a_list_with_commas(tmp_path: Path) -> None:
    trained(tmp_path / "run", "ear, deaf", epochs=1)
    assert genzoo.Run(tmp_path / "run").plain_config["training"]["listeners"] == ["ear", "deaf"]
    assert HEARD


def test_a_listener_takes_only_the_words_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ear, "words", ("model",))
    trained(tmp_path / "run", "ear:model", epochs=1)
    for asked, hint in (("ear:modl", "type: --listeners ear, or ear:model"), ("deaf:model", "type: --listeners deaf")):
        with pytest.raises(UsageError, match=f"--listeners {asked}: .* takes no") as refused:
            trained(tmp_path / "another", asked)
        assert refused.value.hint == hint


def test_listening_changes_no_result(tmp_path: Path) -> None:
    heard, alone = trained(tmp_path / "heard", "ear", "tensorboard"), trained(tmp_path / "alone")
    assert heard.results["test"] == alone.results["test"]


def test_a_run_that_fails_is_heard_too(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteError):
        trained(tmp_path / "run", "ear", lr=1e30)
    assert HEARD[-1][0] == "finished"
    assert HEARD[-1][1].startswith("failed: NonFiniteError")


def test_one_that_fails_is_told_no_more_and_nothing_else_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(tmp_path / "run", "deaf", "ear")
    out, err = capsys.readouterr()
    assert run.record["status"] == "finished"
    assert [what[0] for what in HEARD] == ["started", "epoch", "epoch", "finished"]
    assert out == ""
    assert err.count("genzoo: listener deaf is dropped: its epoch_finished failed: SystemExit: no more") == 1


def test_one_that_stops_the_run_ends_it_cleanly(tmp_path: Path) -> None:
    """Others hear of that epoch and of the end; the run is not evaluated, and goes on as if nothing had been."""
    run = trained(tmp_path / "run", "impatient", "ear")
    assert [(what, *rest[:1]) for what, *rest in HEARD] == [("started", 0), ("epoch", 1), ("finished", STATUS)]
    assert run.record["status"] == run.record["sessions"][0]["status"] == STATUS
    assert Overview(run).status == "stopped"
    assert not (run.path / "results.json").exists()
    assert (run.path / MODEL_FILE).exists()
    whole = trained(tmp_path / "whole")
    genzoo.resume(run, quiet=True)
    assert (run.record["status"], len(run.history)) == ("finished", 2)
    assert run.results["test"] == whole.results["test"]
    assert stored_digest(run.path / MODEL_FILE) == stored_digest(whole.path / MODEL_FILE)


def test_the_command_says_that_a_run_was_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"vae digits --epochs 2 --hidden 8 --listeners impatient --quiet --out {tmp_path / 'run'}"
    assert main(["run", *words.split()]) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"genzoo: {STATUS}; resume it:\n  genzoo resume {tmp_path / 'run'}\n")


def test_who_cannot_listen_refuses_the_run_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(genzoo.RunListener):
        def __init__(self) -> None:
            raise RuntimeError("no ears")

    genzoo.register_listener("broken", Broken)
    with pytest.raises(PluginError, match="listener 'broken' of notebook cannot be created: RuntimeError: no ears"):
        trained(tmp_path / "run", "broken")
    with pytest.raises(UsageError, match=r"no listener named 'tensorbord'\. Did you mean 'tensorboard'"):
        trained(tmp_path / "run", "tensorbord")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="TensorBoard is not installed") as refused:
        trained(tmp_path / "run", "tensorboard")
    assert refused.value.hint == "pip install 'genzoo[tensorboard]'"
    for name in ("mlflow", "wandb", "trackio"):
        with pytest.raises(UsageError, match=f"--listeners {name}: .* is not installed") as refused:
            trained(tmp_path / "run", name)
        assert refused.value.hint == f"pip install 'genzoo[{name}]'"
    assert not (tmp_path / "run").exists()
