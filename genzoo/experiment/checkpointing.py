"""Saving checkpoints while a run is trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from genzoo.core.errors import GenzooError, NonFiniteError
from genzoo.core.listener import Epoch
from genzoo.runs import checkpoints
from genzoo.runs.checkpoint_format import to_facts, to_files
from genzoo.runs.run import CHECKPOINTS, Run
from genzoo.system.background_writer import Writer
from genzoo.system.memory import free_bytes, out_of_memory
from genzoo.training import snapshot
from genzoo.training.callback import Listener
from genzoo.training.snapshot import Copies, Snapshot
from genzoo.training.trainer import Trainer

EPOCH_SECONDS = 10.0
"""Age of the last checkpoint, in seconds, from which the end of an epoch is saved."""


SHARE = 0.005
"""Largest share of the time since the last checkpoint for which saving it may have stopped training."""


GRACE = 10.0
"""Seconds of saving from which a warning is due: many a scheduler kills a process 30 seconds after SIGTERM."""


LARGE = 32 << 20
"""Bytes from which a checkpoint is copied and then written in a thread. A smaller one is written directly."""


class Checkpointer(Listener):
    """Save checkpoints during training: at an interval in seconds, at the end of longer epochs, and at the end.

    A large checkpoint is copied, which stops training, and then written in a thread while training continues. One
    thread writes at a time: a checkpoint that is due meanwhile waits. Training waits for the disk at the end, and where
    a copy would take more than half of the free memory.

    A checkpoint that cannot be written is one warning. Training continues, and the next one is tried in its turn.
    Leaving the `with` block waits for the thread. On Ctrl-C the thread stops at once and its checkpoint is dropped.

    Args:
        run: The run that is saved.
        trainer: The training that is saved.
        facts: Returns further entries of the manifest.
    """

    def __init__(self, run: Run, trainer: Trainer, facts: Callable[[], Mapping[str, Any]]) -> None:
        self.folder = run.path / CHECKPOINTS
        self.trainer = trainer
        self.facts = facts
        self.every = trainer.training.save_every
        self.error: GenzooError | None = None
        """The error of the last save; None if it succeeded."""
        self.last = time.monotonic()
        self.cost = 0.0
        self.seconds = 0.0
        """The seconds that writing the last checkpoint took."""
        self.told = False
        """Whether a slow disk was told of."""
        self.due = False
        """Whether a save waits for memory to copy into."""
        self.writer = Writer()
        self.copies: Copies | None = None
        self.room = True
        """Whether memory for copies can be had."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        interrupted = isinstance(error, KeyboardInterrupt)
        self.writer.close(abandon=interrupted)
        self.copies = None
        if not interrupted:
            with suppress(NonFiniteError):  # the error that ended training is more useful
                self.hear()
        # Each of the two knows the other: together they would keep the memory of the run after its end.
        self.trainer.listeners = [listener for listener in self.trainer.listeners if listener is not self]

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
        """Write a checkpoint of the present state, or start to write it in a thread; warn where it fails.

        The first large checkpoint only allocates memory, in the thread: writing to new memory takes several times as
        long as a copy.
        """
        if self.writer.busy:
            return  # it is due again at the next step
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
        """Write a checkpoint now, after the one that is being written. Return whether it succeeded.

        After a step that was not finite it holds the state before that step.
        """
        if self.writer.work:
            self.attempt(self.writer.wait)
        taken = snapshot.take(self.trainer)
        saved = self.attempt(partial(self.publish, taken, self.facts_of(taken)))
        self.warn_of_slow_disk()
        return saved

    def hear(self) -> None:
        """Wait for the thread, if it writes; warn where it failed."""
        if self.writer.work:
            error_before = self.error
            self.attempt(self.writer.wait)
            self.warn_after(error_before)
            self.warn_of_slow_disk()

    def warn_of_slow_disk(self) -> None:
        """Warn once if a checkpoint takes long to write: a scheduler may not wait for it."""
        if self.seconds > GRACE and not self.told:
            self.told = True
            self.trainer.warn(f"saving took {self.seconds:.0f} s; let a scheduler signal the end earlier than that")

    def attempt(self, work: Callable[[], None]) -> bool:
        """Do a part of a save and keep its error. Return whether it succeeded.

        Raises:
            NonFiniteError: The state is not finite: no training could continue from it.
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
        """Warn of a save that failed, unless the one before it failed too."""
        if self.error and not error_before:
            self.trainer.warn(f"{self.error.message}; training goes on")

    def room_for(self, tensors: Mapping[str, Mapping[str, Tensor]]) -> bool:
        """Whether these tensors are large enough to be copied and take at most half of the free memory."""
        size = sum(tensor.nbytes for part in tensors.values() for tensor in part.values())
        return self.room and LARGE <= size <= free_bytes(torch.device("cpu")) // 2

    def make_room(self, like: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Allocate memory for copies of such tensors; called in the thread."""
        try:
            self.copies = Copies(like)
        except Exception as error:
            if not out_of_memory(error):
                raise
            self.room = False

    def facts_of(self, taken: Snapshot) -> dict[str, Any]:
        """Return the entries of the manifest."""
        return {**to_facts(taken.progress, self.trainer.objective), **self.facts()}

    def publish(self, taken: Snapshot, facts: Mapping[str, Any]) -> None:
        """Write a checkpoint; called in either thread.

        Raises:
            NonFiniteError: A weight, a moment or an average is not finite.
            GenzooError: It cannot be written.
        """
        taken.require_finite(self.trainer.training, self.trainer.usual_lr)
        began = time.monotonic()
        checkpoints.save(self.folder, taken.progress.step, to_files(taken), facts, self.writer.raise_pending_interrupt)
        self.seconds = time.monotonic() - began
