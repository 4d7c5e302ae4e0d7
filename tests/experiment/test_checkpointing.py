"""Large checkpoints are copied and written in a thread, with all that is promised of those that training waits for."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_trainer import assert_equal, make_trainer, stop_at, weights
from torch import Tensor

from genzoo.core.errors import GenzooError, NonFiniteError
from genzoo.core.listener import Epoch
from genzoo.experiment import checkpointing
from genzoo.experiment.checkpointing import Checkpointer
from genzoo.runs import checkpoints
from genzoo.runs.checkpoint_format import to_snapshot
from genzoo.runs.run import CHECKPOINTS, Run
from genzoo.training import snapshot
from genzoo.training.callback import Listener
from genzoo.training.nonfinite import is_finite
from genzoo.training.trainer import Trainer

OPTIONS: dict[str, Any] = {"epochs": 4, "ema": 0.9, "patience": 3, "lr": 3e-3, "save_every": 1e-9}
STEPS = 16
write = os.write


@pytest.fixture(autouse=True)
def every_checkpoint_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpointing, "LARGE", 0)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that wrote; each write takes 20 ms."""
    threads: list[str] = []

    def slow(descriptor: int, content: memoryview) -> int:
        threads.append(threading.current_thread().name)
        time.sleep(0.02)
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", slow)
    return threads


class States(Listener):
    """Keep a copy of everything after each step and epoch, before the checkpointer is called, and the warnings."""

    def __init__(self, checkpointer: Checkpointer, each: Callable[[Checkpointer], None]) -> None:
        self.checkpointer, self.trainer, self.each = checkpointer, checkpointer.trainer, each
        self.after: dict[tuple[int, int], dict[str, dict[str, Tensor]]] = {}
        """By the steps made and the epochs finished."""
        self.warnings: list[str] = []

    def stepped(self, done: int, terms: object) -> None:
        self.keep()
        self.each(self.checkpointer)

    def epoch_finished(self, record: Epoch) -> None:
        self.keep()

    def keep(self) -> None:
        taken = snapshot.take(self.trainer)
        self.after[taken.progress.step, taken.progress.epochs] = {
            part: {name: tensor.clone() for name, tensor in tensors.items()} for part, tensors in taken.tensors.items()
        }

    def warned(self, text: str) -> None:
        self.warnings.append(text)


def settled(checkpointer: Checkpointer) -> None:
    """Waits until the checkpointer's thread is through."""
    while checkpointer.writer.busy:
        time.sleep(0.001)


def watched(
    folder: Path, each: Callable[[Checkpointer], None] = lambda checkpointer: None, **options: Any
) -> tuple[Trainer, States, Checkpointer]:
    """A trainer with a checkpointer, and what it was after each step; `each` is called then."""
    trainer = make_trainer(**{**OPTIONS, **options})
    checkpointer = Checkpointer(Run(folder), trainer, dict)
    states = States(checkpointer, each)
    trainer.listeners += [states, checkpointer]
    return trainer, states, checkpointer


def steps(folder: Path) -> list[int]:
    return [int(path.name.removeprefix("step-")) for path in checkpoints.published(folder / CHECKPOINTS)]


def read(folder: Path, trainer: Trainer) -> snapshot.Snapshot:
    found, problems = checkpoints.newest(folder / CHECKPOINTS, lambda checkpoint: to_snapshot(checkpoint, trainer))
    assert found
    assert not problems
    return found


def test_training_goes_on_and_what_is_saved_is_the_step_that_it_was_taken_at(
    tmp_path: Path, writes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every published checkpoint is compared, all of its tensors; each is written while later steps are made."""
    begun, published = [], []
    save = checkpoints.save

    def kept(folder: Path, step: int, *rest: Any) -> Path:
        begun.append(step)
        path = save(folder, step, *rest)
        published.append((step, trainer.step, to_snapshot(checkpoints.open_checkpoint(path), trainer)))
        return path

    monkeypatch.setattr(checkpoints, "save", kept)
    trainer, states, checkpointer = watched(tmp_path, lambda checkpointer: time.sleep(0.02), epochs=8)
    with checkpointer:
        trainer.fit()
        assert published[-1][0] == trainer.total_steps, "the last one is waited for"
    assert len(published) > 2
    assert any(now > step + 1 for step, now, _ in published), "steps are made while a checkpoint is written"
    for step, _, found in published:
        assert found.progress.step == step
        for part, tensors in found.tensors.items():
            assert_equal(dict(tensors), states.after[step, found.progress.epochs][part])
    assert begun == sorted(begun)
    assert {"genzoo-save_0"} <= {*writes} <= {"genzoo-save_0", "MainThread"}


def test_its_files_are_those_of_a_save_that_training_waits_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, large in (("thread", 0), ("direct", 1 << 60)):
        monkeypatch.setattr(checkpointing, "LARGE", large)
        trainer, _, checkpointer = watched(tmp_path / name, save_every=1e9)
        (tmp_path / name).mkdir()
        stop_at(trainer, 7)
        trainer.fit()
        for _ in range(3):  # first there is no memory yet
            trainer.step, checkpointer.due = 6, True
            checkpointer.save()
            checkpointer.hear()
        assert bool(checkpointer.copies) == (name == "thread")
    one, other = (
        {p.name: p.read_bytes() for p in (tmp_path / n / CHECKPOINTS / "step-000000006").iterdir()}
        for n in ("thread", "direct")
    )
    assert len(one) == 6
    del one["manifest.json"], other["manifest.json"]
    history = [each.pop("history.jsonl") for each in (one, other)]
    assert len(history[0].splitlines()) == len(history[1].splitlines()) == 1
    assert one == other


def test_training_is_the_same_bit_for_bit_with_and_without_the_thread(tmp_path: Path, writes: list[str]) -> None:
    trainer, _, checkpointer = watched(tmp_path)
    with checkpointer:
        trainer.fit()
    alone = make_trainer(**OPTIONS)
    alone.fit()
    assert writes
    assert_equal(weights(trainer), weights(alone))
    assert_equal(trainer.optimizer.tensors(), alone.optimizer.tensors())


def test_one_at_a_time_and_one_that_is_due_meanwhile_comes_next(tmp_path: Path, writes: list[str]) -> None:
    trainer, _, checkpointer = watched(tmp_path, save_every=1e9)
    stop_at(trainer, 5)
    trainer.fit()
    checkpointer.save()
    assert checkpointer.due, "there is no memory to copy to yet"
    checkpointer.hear()
    checkpointer.every = 1e-9
    checkpointer.stepped(1, None)
    assert not checkpointer.due
    assert checkpointer.writer.busy
    for trainer.step in (6, 7):
        checkpointer.stepped(1, None)
    assert steps(tmp_path) == [5]
    settled(checkpointer)
    trainer.step = 8
    checkpointer.stepped(1, None)
    checkpointer.hear()
    assert steps(tmp_path) == [8, 5]


def test_copies_stay_what_they_were_and_have_the_form_of_what_is_copied() -> None:
    weight, buffer = torch.randn(3, 4, 5, 5).to(memory_format=torch.channels_last), torch.zeros(5)
    copies = snapshot.Copies({"model": {"weight": weight, "buffer": buffer, "gone": buffer}})
    for buffer in (torch.ones(5), torch.full((1,), 2.0), torch.full((5,), 3, dtype=torch.int64)):
        tensors = {"model": {"weight": weight, "buffer": buffer}, "best": {"weight": weight}}
        before = {part: {name: tensor.clone() for name, tensor in each.items()} for part, each in tensors.items()}
        copied = copies.copy(snapshot.Snapshot(snapshot.Progress(), tensors)).tensors
        weight.add_(1)
        buffer.add_(1)
        assert copied.keys() == before.keys()
        for part, each in before.items():
            assert_equal(dict(copied[part]), each)
        assert copied["model"]["buffer"].dtype == buffer.dtype
        assert all(tensor.is_contiguous() for tensor in copied["model"].values())


def full(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_warning_and_the_end_can_still_be_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_in_thread(descriptor: int, content: memoryview) -> int:
        return full() if threading.current_thread() is not threading.main_thread() else write(descriptor, content)

    monkeypatch.setattr(os, "write", only_in_thread)
    trainer, states, checkpointer = watched(tmp_path, settled)
    with checkpointer:
        trainer.fit()
    (warning,) = states.warnings
    assert warning.startswith(f"cannot save {tmp_path}/checkpoints/step-0000000")
    assert "No space left on device; it needs 0.0" in warning
    assert warning.endswith(" MB are free; training goes on")
    assert checkpointer.error is None
    assert steps(tmp_path) == [STEPS]
    assert not list((tmp_path / CHECKPOINTS).glob(".*"))


def test_a_full_disk_to_the_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", full)
    trainer, states, checkpointer = watched(tmp_path, settled)
    with checkpointer:
        trainer.fit()
    assert len(states.warnings) == 1
    assert checkpointer.error
    assert f"step-{STEPS:09}: No space left" in checkpointer.error.message


def test_whatever_else_the_thread_raises_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError("in the thread")

    monkeypatch.setattr(os, "write", broken)
    trainer, _, checkpointer = watched(tmp_path, settled)
    with pytest.raises(ZeroDivisionError, match="in the thread"), checkpointer:
        trainer.fit()


def test_what_is_not_finite_is_not_published(tmp_path: Path) -> None:
    """A moment that overflowed: weights, loss and gradient stay finite."""

    def spoil(checkpointer: Checkpointer) -> None:
        if checkpointer.trainer.step == 6:
            checkpointer.trainer.optimizer.exp_avg_sq[0].fill_(torch.inf)
        settled(checkpointer)

    trainer, _, checkpointer = watched(tmp_path, spoil)
    with pytest.raises(NonFiniteError, match="the weights are not finite after step 6"), checkpointer:
        trainer.fit()
    assert trainer.step == 7
    assert steps(tmp_path)[0] < 6
    assert not list((tmp_path / CHECKPOINTS).glob(".*"))


def test_ctrl_c_again_gives_up_what_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two signals, which raises: the write would take a minute, and is over at its next chunk."""
    trainer, _, checkpointer = watched(tmp_path, save_every=1e9)
    stop_at(trainer, 5)
    trainer.fit()
    writing, go_on = threading.Event(), threading.Event()

    def slow(descriptor: int, content: memoryview) -> int:
        writing.set()
        go_on.wait(60)
        return write(descriptor, content[:1])

    monkeypatch.setattr(os, "write", slow)
    monkeypatch.setattr(
        checkpointer.writer.abandoned, "set", lambda s=checkpointer.writer.abandoned.set: (s(), go_on.set())
    )
    checkpointer.save()
    checkpointer.hear()
    trainer.step = 6
    checkpointer.save()
    assert writing.wait(60)
    assert list((tmp_path / CHECKPOINTS).glob(".tmp-6-*"))
    with pytest.raises(KeyboardInterrupt), checkpointer:
        raise KeyboardInterrupt
    assert steps(tmp_path) == [5]
    assert not list((tmp_path / CHECKPOINTS).glob(".*"))
    assert not checkpointer.writer.busy


def test_any_other_end_waits_for_what_is_being_written(tmp_path: Path, writes: list[str]) -> None:
    before = threading.enumerate()
    trainer, _, checkpointer = watched(tmp_path, save_every=1e9)
    stop_at(trainer, 5)
    trainer.fit()
    checkpointer.save()
    checkpointer.hear()
    trainer.step = 6
    checkpointer.save()
    with pytest.raises(GenzooError, match="of a plugin"), checkpointer:
        raise GenzooError("of a plugin")
    assert steps(tmp_path) == [6, 5]
    assert not set(threading.enumerate()) - set(before)


def no_memory(*_: object) -> Tensor:
    raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")


@pytest.mark.parametrize("shortage", ["known", "found"])
def test_where_memory_is_short_training_waits(
    shortage: str, tmp_path: Path, writes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "room_for", no_memory)
    if shortage == "known":
        monkeypatch.setattr(checkpointing, "free_bytes", lambda device: 1000)
    trainer, states, checkpointer = watched(tmp_path)
    with checkpointer:
        trainer.fit()
    assert {*writes} == {"MainThread"}
    assert steps(tmp_path)[0] == STEPS
    assert not states.warnings
    assert read(tmp_path, trainer).progress.step == STEPS


def test_small_ones_need_no_thread(tmp_path: Path, writes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    trainer, states, checkpointer = watched(tmp_path)
    with checkpointer:
        trainer.fit()
    assert checkpointer.copies is None
    assert steps(tmp_path) == [STEPS, STEPS - 1]
    assert not states.warnings


@pytest.mark.parametrize("large", [True, False])
def test_a_disk_for_which_a_scheduler_would_not_wait_is_told_of_once(
    tmp_path: Path, writes: list[str], monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    monkeypatch.setattr(checkpointing, "LARGE", 0 if large else 1 << 30)
    monkeypatch.setattr(checkpointing, "GRACE", 0.01)
    told: list[bool] = []

    def each(checkpointer: Checkpointer) -> None:
        settled(checkpointer)
        told.append(checkpointer.told)

    trainer, states, checkpointer = watched(tmp_path, each, epochs=1)
    with checkpointer:
        trainer.fit()
    assert told[-1], "before training ends"
    assert states.warnings == ["saving took 0 s; let a scheduler signal the end earlier than that"]
    assert ("genzoo-save_0" in writes) == large


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64])
def test_whether_all_is_finite(kind: torch.dtype) -> None:
    largest = torch.finfo(kind).max
    tensor = torch.full((2, 3, 250, 250), largest, dtype=kind)
    assert is_finite(tensor), "their sum is not"
    for laid in (tensor, tensor.to(memory_format=torch.channels_last), tensor.mT):
        for value in (torch.nan, torch.inf, -torch.inf):
            laid[1, 2, 100, 200] = value
            assert not is_finite(laid)
            laid[1, 2, 100, 200] = 1.0
        assert is_finite(laid)
    assert is_finite(torch.zeros(0))
    assert is_finite(torch.ones(3, dtype=torch.int64))
    assert not is_finite(torch.tensor([torch.inf, -torch.inf]))
