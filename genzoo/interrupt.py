"""Ctrl-C and SIGTERM: the first one finishes the step and saves, the second one stops at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM came. As Ctrl-C, but the exit code is another."""


def exit_code(error: KeyboardInterrupt) -> int:
    """128 + the number of the signal, as shells have it."""
    return 128 + (signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT)


_came: type[KeyboardInterrupt] | None = None
"""What a signal raised: in the midst of an import or of a destructor Python swallows that."""


@contextmanager
def terminable() -> Iterator[None]:
    """Inside, SIGTERM raises Terminated, so that what was begun is brought to an end.

    What Python swallows of it or of Ctrl-C is remembered for `heed`, without the traceback that Python would show.
    """
    global _came
    outside, hook = _came, sys.unraisablehook

    def handle(number: int, restore: Callable[[], None]) -> None:
        global _came
        _came = Terminated
        raise Terminated

    def swallowed(unraisable: sys.UnraisableHookArgs) -> None:
        global _came
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            _came = type(unraisable.exc_value)
        else:
            hook(unraisable)

    sys.unraisablehook = swallowed
    try:
        with handling([signal.SIGTERM], handle):
            yield
    finally:
        _came = outside
        if sys.unraisablehook is swallowed:
            sys.unraisablehook = hook


def heed() -> None:
    """Raises what a signal raised and Python swallowed; called now and then."""
    if _came:
        raise _came


@contextmanager
def first_interrupt(stop: Callable[[int], None], quiet: bool = False) -> Iterator[None]:
    """Inside, the first SIGINT or SIGTERM calls `stop` with its number, and the next ones do what they did outside."""

    def handle(number: int, restore: Callable[[], None]) -> None:
        restore()
        stop(number)
        told = "\ngenzoo: finishing this step and saving; Ctrl-C again stops at once"
        with suppress(RuntimeError):  # the signal came in the midst of another print
            print(told, file=sys.stderr, flush=True) if not quiet else None

    with handling([signal.SIGINT, signal.SIGTERM], handle):
        if _came:
            stop(exit_code(_came()) - 128)
        yield


@contextmanager
def handling(signals: list[signal.Signals], handle: Callable[[int, Callable[[], None]], None]) -> Iterator[None]:
    """Inside, signals call `handle` with their number and with what puts the former handlers back.

    A process that was forked inside is not meant: there a signal does what it did before. Outside the main thread,
    where no handler can be set, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()
    before = {each: signal.getsignal(each) or signal.SIG_DFL for each in signals}

    def restore() -> None:
        for each, handler in before.items():
            signal.signal(each, handler)

    def only_here(number: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            handle(number, restore)
        else:
            restore()
            os.kill(os.getpid(), number)

    for each in signals:
        signal.signal(each, only_here)
    try:
        yield
    finally:
        restore()
