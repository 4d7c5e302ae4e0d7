"""The TensorBoard listener: curves, figures and results, each point once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from killed_run import kill_run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.summary.writer.record_writer import RecordWriter

import genzoo

QUICK = {"epochs": 2, "hidden": (8,), "quiet": True}


def trained(folder: Path, *listeners: str, **options: Any) -> genzoo.Run:
    return genzoo.run("vae", "digits", out=folder, listeners=listeners, **{**QUICK, **options})


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


def test_what_a_killed_run_did_not_write_is_told_by_the_resumed_one(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "tensorboard", epochs=3)
    (file,) = (run.path / "tensorboard").glob("events.out.*")
    second = run.history[1]["step"]
    events = [event for event in LegacyEventFileLoader(str(file)).Load() if event.step < second]
    writer = RecordWriter(file.open("wb"))
    for event in events:
        writer.write(event.SerializeToString())
    writer.close()
    assert [step for step, _ in points(run.path, "loss/train")] == [run.history[0]["step"]]
    genzoo.resume(run.path, epochs=4, quiet=True)
    assert [step for step, _ in points(run.path, "loss/train")] == [epoch["step"] for epoch in run.history]


def test_files_of_one_second_are_read_in_order(tmp_path: Path) -> None:
    """A process with a smaller number would come first among those of the same second."""
    run = trained(tmp_path / "run", "tensorboard")
    (file,) = (run.path / "tensorboard").glob("events.out.*")
    file.rename(file.with_name(f"events.out.tfevents.{int(time.time()) + 1}.host.99999999.0"))
    genzoo.resume(run.path, epochs=3, quiet=True)
    assert [step for step, _ in points(run.path, "loss/train")] == [epoch["step"] for epoch in run.history]


@pytest.mark.long
def test_a_killed_run_that_is_resumed_repeats_no_point(tmp_path: Path) -> None:
    """What was told after the last checkpoint is told again by the resumed run, and takes the place of the former."""
    folder = tmp_path / "run"
    done = kill_run(folder, "tensorboard")
    assert done
    run = genzoo.resume(folder, epochs=done + 2, quiet=True)
    assert [step for step, _ in points(folder, "loss/train")] == [epoch["step"] for epoch in run.history]
