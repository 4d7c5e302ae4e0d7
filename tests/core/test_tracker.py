"""The base of trackers against a client that records: what is sent, in which order, and that no step waits for it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import genzoo
from genzoo.core.tracker import Points
from genzoo.experiment.listeners import RunListeners

TERMS = {"loss": 3.0, "kl": math.nan}


class Recorder(genzoo.Tracker):
    """Notes its calls. One of them may wait or fail."""

    limit = 5.0
    known = 0
    """What `start` returns."""
    fails = ""
    waits_in = ""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.free = threading.Event()

    def note(self, method: str, *what: Any) -> None:
        if method == self.waits_in:
            self.free.wait(20)
        if method == self.fails:
            raise ConnectionError("the server is down")
        self.calls.append((method, *what))

    def start(self, parameters: Mapping[str, Any], step: int) -> int:
        self.note("start", dict(parameters), step)
        return self.known

    def log(self, points: Points) -> None:
        self.note("log", {step: dict(values) for step, values in points.items()})

    def figure(self, step: int, file: Path) -> None:
        self.note("figure", step, file.name)

    def model(self, file: Path) -> None:
        self.note("model", file.name)

    def finish(self, status: str) -> None:
        self.note("finish", status)


@pytest.fixture
def run(tmp_path: Path) -> genzoo.Run:
    made = genzoo.Run(tmp_path)
    made.write("config.json", {"model": {"name": "vae", "hidden": [8]}, "training": {"lr": 0.1, "ema": None}})
    made.write("results.json", {"test": {"n": 9, "mse": 0.5, "kl": 0.0, "nll": None, "fid": "nan", "errors": {}}})
    (tmp_path / "figures").mkdir()
    for name in ("b.png", "a.png", "text.txt"):
        (tmp_path / "figures" / name).touch()
    return made


def epoch(number: int) -> genzoo.Epoch:
    return genzoo.Epoch(number, 10 * number, TERMS, {"loss": 4.0}, 0.5, 100, 1e-3)


def values(number: int) -> dict[int, dict[str, float]]:
    shown = {"loss/train": 3.0, "loss/validation": 4.0, "learning_rate": 1e-3, "speed/images_per_second": 200.0}
    return {10 * number: {"epoch": float(number), **shown}}


def track(tracker: genzoo.Tracker, run: genzoo.Run, epochs: int = 1, status: str = "finished") -> list[str]:
    """Call a tracker as a run does; return the lines of warning."""
    warnings: list[str] = []
    heard = RunListeners({"mine": tracker}, warnings.append)
    heard.run_started(run)
    for number in range(1, epochs + 1):
        heard.epoch_finished(epoch(number))
    heard.run_finished(status)
    return warnings


def test_a_tracker_gets_options_epochs_results_and_figures_in_this_order(run: genzoo.Run) -> None:
    tracker = Recorder()
    assert track(tracker, run) == []
    assert tracker.calls == [
        ("start", {"model.name": "vae", "model.hidden": [8], "training.lr": 0.1, "training.ema": None}, 0),
        ("log", values(1)),  # without the KL, which is nan
        ("log", {10: {"mse/test": 0.5, "kl/test": 0.0}}),  # what is not available is no 0, and a 0 is one
        ("figure", 10, "a.png"),
        ("figure", 10, "b.png"),
        ("finish", "finished"),
    ]


def test_the_model_is_sent_only_where_it_was_asked_for(run: genzoo.Run) -> None:
    tracker = Recorder()
    tracker.asked = ("model",)
    track(tracker, run)
    assert tracker.calls[-2:] == [("model", "model.safetensors"), ("finish", "finished")]


@pytest.mark.parametrize("status", ["interrupted", "failed: NonFiniteError: nan"])
def test_a_run_that_does_not_finish_has_no_results(status: str, run: genzoo.Run) -> None:
    tracker = Recorder()
    track(tracker, run, epochs=0, status=status)
    assert [call[0] for call in tracker.calls] == ["start", "finish"]
    assert tracker.calls[-1] == ("finish", status)


@pytest.mark.parametrize(("known", "sent"), [(0, [10, 20]), (10, [20]), (20, []), (99, [])])
def test_a_resumed_run_is_the_same_one_and_sends_what_is_missing(known: int, sent: list[int], run: genzoo.Run) -> None:
    before, after = Recorder(), Recorder()
    track(before, run, epochs=0, status="interrupted")
    for number in (1, 2):
        run.append({"epoch": number, "step": 10 * number, "train": {"loss": float(number)}, "validation": {}})
    after.known = known
    track(after, run, epochs=0)
    assert after.id == before.id
    assert len(after.id) == 16
    assert after.calls[0][2] == 20
    assert [list(call[1]) for call in after.calls if call[0] == "log"][:-1] == ([sent] if sent else [])


def test_an_epoch_that_the_service_has_is_not_sent_again(run: genzoo.Run) -> None:
    """A run that was killed repeats the steps since its last checkpoint."""
    tracker = Recorder()
    tracker.known = 20
    track(tracker, run, epochs=3)
    assert [list(call[1]) for call in tracker.calls if call[0] == "log"] == [[30], [30]]  # the second are results


def test_no_step_waits_for_a_client_that_blocks_and_the_end_does_not_wait_long(run: genzoo.Run) -> None:
    tracker = Recorder()
    tracker.waits_in, tracker.limit = "log", 0.3  # type: ignore[misc]
    began = time.perf_counter()
    warnings: list[str] = []
    heard = RunListeners({"mine": tracker}, warnings.append)
    heard.run_started(run)
    for number in range(1, 501):
        heard.epoch_finished(epoch(number))
    heard.run_finished("finished")
    assert 0.3 <= time.perf_counter() - began < 10  # the client waits for 20 s, in the first of 500 epochs
    reason = "GenzooError: not everything was sent within 0.3 s"
    assert warnings == [f"listener mine is dropped: its run_finished failed: {reason}"]
    tracker.free.set()
    tracker._thread.join(5)
    logged = [call[1] for call in tracker.calls if call[0] == "log"]
    assert len(logged) <= 3  # what waited was sent together
    assert [step for points in logged[:-1] for step in points] == list(range(10, 5001, 10))
    assert tracker.calls[-1] == ("finish", "finished")


@pytest.mark.parametrize("method", ["start", "log", "figure", "finish"])
def test_a_client_that_fails_is_told_in_one_line(method: str, run: genzoo.Run) -> None:
    tracker = Recorder()
    tracker.fails = method
    (line,) = track(tracker, run)
    assert line.startswith("listener mine is dropped: its ")
    assert line.endswith(" failed: ConnectionError: the server is down")


def test_a_tracker_that_falls_too_far_behind_is_dropped(run: genzoo.Run) -> None:
    tracker = Recorder()
    tracker.waits_in, tracker.most_waiting = "start", 3  # type: ignore[misc]
    (line,) = track(tracker, run, epochs=9)
    assert line == "listener mine is dropped: its epoch_finished failed: GenzooError: 3 reports wait to be sent"
    tracker.free.set()


def test_a_damaged_identity_is_told(run: genzoo.Run) -> None:
    (run.path / "tracker.json").write_text('{"id": "../../x"}')
    (line,) = track(Recorder(), run)
    assert "tracker.json is damaged: no id" in line
