"""metrics.jsonl: a line an epoch, and none lost where one could not be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from genzoo.core.listener import Epoch
from genzoo.experiment.epoch_log import Log
from genzoo.runs.run import Run


def epoch(number: int) -> Epoch:
    return Epoch(number, 4 * number, {"loss": 1.0 / number}, {}, 0.5, 200, 1e-3)


def test_each_epoch_is_a_line(tmp_path: Path) -> None:
    log = Log(Run(tmp_path), [], lambda line: None)
    for number in (1, 2):
        log.epoch_finished(epoch(number))
    assert [(line["epoch"], line["train"]["loss"]) for line in Run(tmp_path).history] == [(1, 1.0), (2, 0.5)]


def test_what_could_not_be_written_is_written_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    run = Run(tmp_path)
    log = Log(run, [], warnings.append)
    with monkeypatch.context() as patched:

        def full(self: Run, line: object) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr(Run, "append", full)
        patched.setattr(Run, "write_history", full)
        log.epoch_finished(epoch(1))
        log.epoch_finished(epoch(2))
        assert len(warnings) == 1
        assert "metrics.jsonl lacks epochs" in str(log.error)
    log.epoch_finished(epoch(3))
    assert log.error is None
    assert [line["epoch"] for line in run.history] == [1, 2, 3]
