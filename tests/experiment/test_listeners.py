"""Run listeners: what they hear, and that none of them can harm a run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import genzoo
from genzoo.core.errors import NonFiniteError, PluginError, UsageError

HEARD: list[Any] = []
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


@pytest.fixture(autouse=True)
def listeners() -> None:
    HEARD.clear()
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
    assert not (tmp_path / "run").exists()


def points(folder: Path, tag: str) -> list[tuple[int, float]]:
    found = EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    return [(event.step, event.value) for event in found.Scalars(tag)]


def test_tensorboard_gets_curves_figures_and_results(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "tensorboard")
    for term, value in run.history[-1]["train"].items():
        expected = [(epoch["step"], pytest.approx(epoch["train"][term], rel=1e-6)) for epoch in run.history]
        assert points(run.path, f"{term}/train") == expected
        assert len(points(run.path, f"{term}/validation")) == 2
        assert isinstance(value, float)
    assert points(run.path, "mse/test") == [(run.history[-1]["step"], pytest.approx(run.results["test"]["mse"]))]
    found = EventAccumulator(str(run.path / "tensorboard"))
    found.Reload()
    assert set(found.Tags()["images"]) == {path.stem for path in (run.path / "figures").glob("*.png")}
    assert found.Tags()["tensors"] == ["options/text_summary"]


def test_tensorboard_has_each_epoch_of_a_resumed_run_once(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "tensorboard")
    genzoo.resume(run.path, epochs=4, quiet=True)
    assert [step for step, _ in points(run.path, "loss/train")] == [epoch["step"] for epoch in run.history]


def test_a_killed_run_that_is_resumed_repeats_no_point(tmp_path: Path) -> None:
    """What was told after the last checkpoint is told again by the resumed run, and takes the place of the former."""
    program = dedent("""
        import sys, genzoo
        genzoo.run("vae", "digits", out=sys.argv[1], epochs=2000, hidden=(8,), listeners=("tensorboard",),
                   save_every=0.3, quiet=True)
    """)
    folder = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", program, str(folder)])
    deadline = time.monotonic() + 90
    while not list((folder / "checkpoints").glob("step-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(genzoo.Run(folder).history)
    assert done
    run = genzoo.resume(folder, epochs=done + 2, quiet=True)
    assert [step for step, _ in points(folder, "loss/train")] == [epoch["step"] for epoch in run.history]
