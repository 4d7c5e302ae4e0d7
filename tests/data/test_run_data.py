"""The data of a run: what is trained on, evaluated and fitted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genzoo.core.dataset import DataSpec, Split, Splits
from genzoo.data import run_data
from genzoo.data.digest import digest
from genzoo.data.run_data import RunData
from genzoo.data.splits import sample_of
from genzoo.data.store import Store
from genzoo.data.streamed import Streamed
from genzoo.data.view import Binarize, Stream

X = torch.arange(40, dtype=torch.uint8).reshape(20, 1, 1, 2) * 6
SPLITS = Splits(Split(X[:12]), None, Split(X[12:17]))
ALL = torch.arange(5)


def made(tmp_path: Path, binarize: Binarize = "none", stream: Stream = "never") -> tuple[RunData, list[str]]:
    lines: list[str] = []
    spec = DataSpec((1, 1, 2), "bernoulli", shift=0.5, scale=2.0) if binarize == "none" else DataSpec((1, 1, 2), "x")
    device = torch.device("cpu")
    return RunData(Store(tmp_path, say=lines.append), SPLITS, spec, device, binarize, stream, lines.append), lines


def test_as_many_training_examples_as_test_examples_are_evaluated(tmp_path: Path) -> None:
    data, lines = made(tmp_path)
    assert list(data.evaluated) == ["train", "test"]
    sample = sample_of(SPLITS.train, 5).x[:]
    for name, x in (("train", sample), ("test", X[12:17])):
        torch.testing.assert_close(data.evaluated[name].batch(ALL).x, (x / 255 - 0.5) / 2)
    assert len(data.train) == 12
    assert data.digest == digest(SPLITS)
    assert lines == []


def test_what_is_fitted_sees_the_training_data_as_they_are_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, _ = made(tmp_path)
    assert data.fitted is data.train
    drawn, _ = made(tmp_path, "dynamic")
    assert drawn.train.redraw
    assert not drawn.fitted.redraw, "no new pixels at each visit"
    assert len(drawn.fitted) == 12
    monkeypatch.setattr(run_data, "FITTED", 7)
    assert len(made(tmp_path)[0].fitted) == 7


def test_streaming_is_said_once(tmp_path: Path) -> None:
    data, lines = made(tmp_path, stream="always")
    assert isinstance(data.train, Streamed)
    assert [line.partition(" (")[0] for line in lines] == ["streaming 12 examples"]
