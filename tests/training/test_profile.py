"""The profile of a training: its trace is readable, its parts add up, and the training's results do not change."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from small_trainer import assert_equal, make_trainer, weights

from genzoo.training.profile import STEPS, Profile
from genzoo.training.step import PARTS, no_span


@pytest.fixture
def printed() -> list[str]:
    return []


def profiled(path: Path, printed: list[str], **options: Any) -> Any:
    profile = Profile(path, printed.append)
    trainer = make_trainer(listeners=(profile,), **options)
    profile.watch(trainer)
    trainer.fit()
    profile.close()
    assert trainer.body.span is no_span
    return trainer


@pytest.mark.long
def test_the_table_and_the_trace_show_where_a_steps_time_goes(tmp_path: Path, printed: list[str]) -> None:
    trainer = profiled(tmp_path / "trace.json", printed, epochs=12)
    plain = make_trainer(epochs=12)
    plain.fit()
    assert_equal(weights(trainer), weights(plain))
    assert trainer.outcome.epochs[-1].train == plain.outcome.epochs[-1].train
    table, where = printed
    assert str(tmp_path / "trace.json") in where
    steps, total = re.match(r"(\d+) steps profiled, ([\d.]+) ms a step", table).groups()  # type: ignore[union-attr]
    assert int(steps) == STEPS
    parts = {name: float(value) for name, value in re.findall(r"^  (\w+) +([\d.]+) ms +\d+%$", table, re.MULTILINE)}
    assert list(parts) == [*PARTS, "rest"]
    assert all(value > 0 for value in parts.values())
    assert sum(parts.values()) == pytest.approx(float(total), rel=0.02)
    assert "aten::" in table
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    for label in PARTS:
        assert sum(event.get("name") == label and event.get("ph") == "X" for event in events) == STEPS


@pytest.mark.parametrize(
    ("epochs", "steps"), [(1, 2), *(pytest.param(n, 2 * n, marks=pytest.mark.long) for n in (2, 4))]
)
def test_a_short_training_is_profiled_in_its_second_half(
    epochs: int, steps: int, tmp_path: Path, printed: list[str]
) -> None:
    profiled(tmp_path / "trace.json", printed, epochs=epochs)
    assert printed[0].startswith(f"{steps} steps profiled")
    assert (tmp_path / "trace.json").exists()


def test_a_single_step_is_profiled_too(tmp_path: Path, printed: list[str]) -> None:
    profiled(tmp_path / "trace.json", printed, epochs=1, batch_size=200)
    assert printed[0].startswith("1 steps profiled")
