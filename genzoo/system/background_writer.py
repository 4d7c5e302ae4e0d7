"""A thread that writes while training goes on, one thing at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Abandoned(Exception):
    """Nobody waits for what is being written any more."""


class Writer:
    """Does one piece of work after the other in a thread of its own; what it raises comes out where it is heard."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="genzoo-save")
        self.work: Future[None] | None = None
        """What was begun and not heard of yet."""
        self.abandoned = threading.Event()

    @property
    def busy(self) -> bool:
        """Whether work is going on."""
        return self.work is not None and not self.work.done()

    def begin(self, work: Callable[[], None]) -> None:
        """Begins to do something. What was begun before has been heard of."""
        assert self.work is None
        self.work = self.thread.submit(work)

    def hear(self) -> None:
        """Waits for the end of what was begun, if anything was, and raises what it raised."""
        work, self.work = self.work, None
        if work:
            work.result()

    def raise_pending_interrupt(self) -> None:
        """Ends the work in whose midst it is called, where nobody waits for it.

        Raises:
            Abandoned: So it is.
        """
        if self.abandoned.is_set():
            raise Abandoned

    def close(self, abandon: bool = False) -> None:
        """Finish the work in progress and end the thread.

        With `abandon`, or on Ctrl-C while this waits, the work stops at its next `raise_pending_interrupt()`.
        """
        try:
            if abandon:
                self.abandoned.set()
            self.thread.shutdown(cancel_futures=abandon)
        except KeyboardInterrupt:
            self.abandoned.set()
            self.thread.shutdown(cancel_futures=True)
            raise
