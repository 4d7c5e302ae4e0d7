"""A background thread that writes files while training continues, one task at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Abandoned(Exception):
    """Raised inside a task whose result is no longer needed."""


class Writer:
    """Runs one task after the other in its own thread. `wait` raises the error of a task."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="genzoo-save")
        self.work: Future[None] | None = None
        """The task that was started and not waited for yet."""
        self.abandoned = threading.Event()

    @property
    def busy(self) -> bool:
        """Whether a task is running."""
        return self.work is not None and not self.work.done()

    def begin(self, work: Callable[[], None]) -> None:
        """Start a task. The task before must have been waited for."""
        assert self.work is None
        self.work = self.thread.submit(work)

    def wait(self) -> None:
        """Wait for the task in progress, if there is one, and raise the error it raised."""
        work, self.work = self.work, None
        if work:
            work.result()

    def raise_pending_interrupt(self) -> None:
        """End the task that calls this if its result is no longer needed.

        Raises:
            Abandoned: The writer was closed with `abandon`.
        """
        if self.abandoned.is_set():
            raise Abandoned

    def close(self, abandon: bool = False) -> None:
        """Finish the task in progress and end the thread.

        With `abandon`, or on Ctrl-C while this waits, the task ends at its next `raise_pending_interrupt()`.
        """
        try:
            if abandon:
                self.abandoned.set()
            self.thread.shutdown(cancel_futures=abandon)
        except KeyboardInterrupt:
            self.abandoned.set()
            self.thread.shutdown(cancel_futures=True)
            raise
