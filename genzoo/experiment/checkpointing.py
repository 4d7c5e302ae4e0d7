"""Saving a training as it goes: its epochs to metrics.jsonl, and all of it, now and then, to a checkpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from genzoo.core.errors import GenzooError, NonFiniteError
from genzoo.core.listener import Epoch
from genzoo.core.options import from_json, to_json
from genzoo.runs import checkpoints
from genzoo.runs.checkpoints import Checkpoint, Damaged
from genzoo.runs.model_file import mismatches
from genzoo.runs.run import Run, plain
from genzoo.system.atomic import Content
from genzoo.system.background_writer import Writer
from genzoo.system.checksummed import MAX_HEADER
from genzoo.system.memory import free_bytes, out_of_memory
from genzoo.system.safetensors_file import Packed
from genzoo.training import snapshot
from genzoo.training.callback import Listener
from genzoo.training.snapshot import Copies, Progress, Snapshot
from genzoo.training.trainer import Trainer

FOLDER = "checkpoints"
HISTORY = "history.jsonl"
EPOCH_SECONDS = 10.0
"""An epoch's end is worth a checkpoint when the last one is older than this …"""
SHARE = 0.005
"""… and training was stopped for no more than this share of the time since."""
LARGE = 32 << 20
"""Bytes of a checkpoint that is copied and then written in a thread; a smaller one is written in less time."""


class Checkpointer(Listener):
    """Saves checkpoints while a trainer trains: every so many seconds, at the end of longer epochs, and at its end.

    A large one is copied, which stops training for as long as that takes, and written in a thread while training goes
    on: never two at a time, so one that is due meanwhile is put off until then. Where the copy would not leave as much
    memory free, and at the end, training waits for the disk.

    When one cannot be written, that is one warning; training goes on, and the next one is tried at its time. Inside
    `with`, a thread is waited for at the end; with Ctrl-C it ends at once, and what it was writing is gone.

    Args:
        run: Its folder gets them.
        trainer: What is saved.
        facts: What else belongs into a manifest, when it is written.
    """

    def __init__(self, run: Run, trainer: Trainer, facts: Callable[[], Mapping[str, Any]]) -> None:
        self.folder = run.path / FOLDER
        self.trainer = trainer
        self.facts = facts
        self.every = trainer.training.save_every
        self.error: GenzooError | None = None
        """Why the last save failed, if it did."""
        self.last = time.monotonic()
        self.cost = 0.0
        self.due = False
        """Whether a save waits for memory to copy to."""
        self.writer = Writer()
        self.copies: Copies | None = None
        self.room = True
        """Whether there is memory for copies, as far as is known."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        interrupted = isinstance(error, KeyboardInterrupt)
        self.writer.close(abandon=interrupted)
        self.copies = None
        if not interrupted:
            with suppress(NonFiniteError):  # whatever ended the training says more
                self.hear()

    def stepped(self, done: int, terms: object) -> None:
        if self.writer.work and not self.writer.busy:
            self.hear()
        if self.every and (self.due or time.monotonic() - self.last >= self.every):
            self.save()

    def epoch_finished(self, record: Epoch) -> None:
        since = time.monotonic() - self.last
        if self.every and since >= min(self.every, EPOCH_SECONDS) and self.cost <= SHARE * since:
            self.save()

    def ended(self) -> None:
        if self.every:
            self.trainer.require_finite()
            self.write()

    def save(self) -> None:
        """Publishes a checkpoint of the training as it is now, or begins to; or says why it cannot.

        The first large one only asks for memory: writing to new memory takes several times as long as a copy.
        """
        if self.writer.busy:
            return  # by the clock it is due at the next step again
        self.hear()
        began, error_before = time.monotonic(), self.error
        self.trainer.require_finite()
        if self.copies:
            taken = self.copies.copy(snapshot.take(self.trainer))
            self.writer.begin(partial(self.publish, taken, self.facts_of(taken)))
        elif self.room_for(like := snapshot.largest(self.trainer)):
            self.writer.begin(partial(self.make_room, like))
            self.due = True
            return
        elif not self.write():
            self.warn_after(error_before)
        self.due = False
        self.last = time.monotonic()
        self.cost = self.last - began

    def write(self) -> bool:
        """The same whether or not a step was not finite: what is saved is as it was before that. False if it failed.

        Whatever is being written is waited for, and this too.
        """
        if self.writer.work:
            self.attempt(self.writer.wait)
        taken = snapshot.take(self.trainer)
        return self.attempt(partial(self.publish, taken, self.facts_of(taken)))

    def hear(self) -> None:
        """Waits for what is being written, if anything is, and says why it cannot be, if so."""
        if self.writer.work:
            error_before = self.error
            self.attempt(self.writer.wait)
            self.warn_after(error_before)

    def attempt(self, work: Callable[[], None]) -> bool:
        """Does what a save consists of, and keeps why it failed. False if so.

        Raises:
            NonFiniteError: From this training nothing could go on.
        """
        try:
            work()
            self.error = None
        except NonFiniteError:
            raise
        except GenzooError as error:
            self.error = error
        return self.error is None

    def warn_after(self, error_before: GenzooError | None) -> None:
        """One line about a save that failed, unless the one before it did too."""
        if self.error and not error_before:
            self.trainer.warn(f"{self.error.message}; training goes on")

    def room_for(self, tensors: Mapping[str, Mapping[str, Tensor]]) -> bool:
        """Whether copies of these are worth their memory, and would leave as much free."""
        size = sum(tensor.nbytes for part in tensors.values() for tensor in part.values())
        return self.room and LARGE <= size <= free_bytes(torch.device("cpu")) // 2

    def make_room(self, like: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Gets memory for copies of such tensors, in the thread."""
        try:
            self.copies = Copies(like)
        except Exception as error:
            if not out_of_memory(error):
                raise
            self.room = False

    def facts_of(self, taken: Snapshot) -> dict[str, Any]:
        """What the manifest says."""
        return {**to_facts(taken.progress, self.trainer.objective), **self.facts()}

    def publish(self, taken: Snapshot, facts: Mapping[str, Any]) -> None:
        """Writes a checkpoint, in whatever thread.

        Raises:
            NonFiniteError: A weight, a moment or an average is not finite.
            GenzooError: It cannot be written.
        """
        taken.require_finite(self.trainer.training)
        checkpoints.save(self.folder, taken.progress.step, to_files(taken), facts, self.writer.raise_pending_interrupt)


class Log(Listener):
    """Writes each epoch to the run's metrics.jsonl. What could not be written is written with a later one."""

    def __init__(self, run: Run, history: list[Epoch], warn: Callable[[str], None]) -> None:
        self.run = run
        self.lines = [asdict(record) for record in history]
        self.warn = warn
        self.error: GenzooError | None = None
        """Why the last line is not there, if it is not."""

    def epoch_finished(self, record: Epoch) -> None:
        self.lines.append(asdict(record))
        try:
            if self.error:
                self.run.write_history(self.lines)
            else:
                self.run.append(self.lines[-1])
            self.error = None
        except (OSError, GenzooError) as error:
            if not self.error:
                self.warn(f"cannot write {self.run.path / 'metrics.jsonl'}: {error}; training goes on")
            self.error = GenzooError(f"{self.run.path / 'metrics.jsonl'} lacks epochs: {error}", "df -h")


def to_facts(progress: Progress, objective: nn.Module) -> dict[str, Any]:
    """What a manifest says of a training besides its tensors."""
    names = {id(parameter): name for name, parameter in objective.named_parameters()}
    every = objective.named_parameters(remove_duplicate=False)
    aliases = {name: names[id(parameter)] for name, parameter in every if names[id(parameter)] != name}
    return {"progress": to_json(progress), **({"aliases": aliases} if aliases else {})}


def to_files(taken: Snapshot) -> dict[str, Content]:
    """A snapshot as files: tensors as safetensors, each once, and the epochs as lines of JSON."""
    history = "".join(json.dumps(plain(asdict(record)), allow_nan=False) + "\n" for record in taken.history)
    packed = {f"{name}.safetensors": Packed(tensors) for name, tensors in taken.tensors.items()}
    return {**packed, HISTORY: history.encode()}


def unpack(path: Path, content: bytes, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, which must have exactly these names, shapes and dtypes.

    Raises:
        Damaged: It has not.
    """
    if int.from_bytes(content[:8], "little") > MAX_HEADER:
        raise Damaged(f"{path} is damaged: its header is too long")
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise Damaged(f"{path} is damaged: {error}") from None
    if problems := mismatches(expected, tensors):
        raise Damaged(f"{path} does not fit the model: {'; '.join(problems[:3])}")
    return tensors


def progress_of(checkpoint: Checkpoint) -> Progress:
    """Where the training was.

    Raises:
        GenzooError: The manifest does not say so.
    """
    progress = from_json(Progress, checkpoint.facts.get("progress", {}), str(checkpoint.path / checkpoints.MANIFEST))
    try:
        for value in (progress.best, *progress.sums):
            float.fromhex(value)
    except (ValueError, OverflowError):
        raise Damaged(f"{checkpoint.path / checkpoints.MANIFEST} is damaged: {value[:40]!r} is no number") from None
    return progress


def to_snapshot(checkpoint: Checkpoint, trainer: Trainer) -> Snapshot:
    """The training that was saved, for a trainer built as that one was.

    Raises:
        GenzooError: A file is damaged, or does not fit the trainer.
    """
    wanted, tensors = snapshot.expected(trainer), {}
    for name in checkpoint.files:
        content = checkpoint.read(name)
        stem, _, kind = name.partition(".")
        if kind == "safetensors" and stem in wanted:
            tensors[stem] = unpack(checkpoint.path / name, content, wanted[stem])
    found = Snapshot(progress_of(checkpoint), tensors, history_of(checkpoint))
    snapshot.refuse_other(trainer, found)
    return found


def history_of(checkpoint: Checkpoint) -> list[Epoch]:
    """The finished epochs.

    Raises:
        Damaged: They are not what was written.
    """
    try:
        return [to_epoch(json.loads(line)) for line in checkpoint.read(HISTORY).decode().splitlines()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged(f"{checkpoint.path / HISTORY} is damaged") from None


def to_epoch(values: dict[str, Any]) -> Epoch:
    """An epoch as it was before JSON, which has no nan."""
    terms = {part: {name: float(value) for name, value in values[part].items()} for part in ("train", "validation")}
    return Epoch(**{**values, **terms})
