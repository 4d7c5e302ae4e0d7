"""Ctrl-C and SIGTERM: the first one finishes the step and saves, the second one stops at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType


@contextmanager
def first_interrupt(stop: Callable[[], None], quiet: bool = False) -> Iterator[None]:
    """Inside, the first SIGINT or SIGTERM calls `stop` and the next ones do what they did before.

    Outside the main thread, where no handler can be set, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        restore()
        stop()
        if not quiet:
            with suppress(RuntimeError):  # the signal came in the midst of another print
                print(
                    "\ngenzoo: finishing this step and saving; Ctrl-C again stops at once", file=sys.stderr, flush=True
                )

    def restore() -> None:
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {each: signal.signal(each, handle) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        restore()
