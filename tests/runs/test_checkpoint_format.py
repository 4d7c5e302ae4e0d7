"""A snapshot as files and back, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_trainer import assert_equal, make_trainer

from genzoo.core.listener import Epoch
from genzoo.runs import checkpoints
from genzoo.runs.checkpoint_format import HISTORY, to_epoch, to_facts, to_files, to_snapshot, unpack
from genzoo.runs.checkpoints import Damaged
from genzoo.runs.run import plain
from genzoo.training import snapshot


def saved(folder: Path) -> tuple[snapshot.Snapshot, checkpoints.Checkpoint]:
    trainer = make_trainer(patience=3)
    trainer.fit()
    taken = snapshot.take(trainer)
    checkpoints.save(folder, 8, to_files(taken), to_facts(taken.progress, trainer.objective))
    return taken, checkpoints.open_checkpoint(checkpoints.checkpoint_path(folder, 8))


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    taken, checkpoint = saved(tmp_path)
    found = to_snapshot(checkpoint, make_trainer(patience=3))
    assert found.progress == taken.progress
    assert [vars(epoch) for epoch in found.history] == [vars(epoch) for epoch in taken.history]
    assert found.tensors.keys() == taken.tensors.keys()
    for part, tensors in taken.tensors.items():
        assert_equal(dict(found.tensors[part]), dict(tensors))


def test_another_model_is_refused(tmp_path: Path) -> None:
    _, checkpoint = saved(tmp_path)
    content = checkpoint.read("model.safetensors") if "model.safetensors" in checkpoint.files else b""
    name = next(name for name in checkpoint.files if name != HISTORY)
    with pytest.raises(Damaged, match="does not fit the model"):
        unpack(tmp_path / name, content or checkpoint.read(name), {"no.such.weight": torch.zeros(2)})


def test_a_value_that_json_has_not_survives() -> None:
    record = Epoch(1, 4, {"loss": float("nan"), "kl": float("inf")}, {"loss": 2.0}, 0.5, 200, 1e-3)
    values = plain(vars(record))
    again = to_epoch(values)
    assert str(again.train) == str(record.train)
    assert again.validation == {"loss": 2.0}
