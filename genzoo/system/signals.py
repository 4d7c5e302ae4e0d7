"""Ctrl-C, SIGTERM and SIGHUP: after the first one the step is finished and saved, the second one stops at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from genzoo.system.streams import tell


class Terminated(KeyboardInterrupt):
    """SIGTERM was received. Like Ctrl-C, with another exit code."""

    number = signal.SIGTERM


class HungUp(Terminated):
    """SIGHUP was received: the terminal was closed, or its connection was lost."""

    number = getattr(signal, "SIGHUP", signal.SIGTERM)


RAISED: dict[int, type[Terminated]] = {each.number: each for each in (HungUp, Terminated)}
"""The exception for each signal that Python itself does not convert into one. Windows has no SIGHUP."""


def exit_code(error: KeyboardInterrupt) -> int:
    """Return the exit code of a process that a signal ended: 128 + the number of the signal, as in shells."""
    return 128 + (error.number if isinstance(error, Terminated) else signal.SIGINT)


def interruption(number: int) -> KeyboardInterrupt:
    """Return the exception for a signal number."""
    return RAISED.get(number, KeyboardInterrupt)()


FINISHING = "\ngenzoo: finishing this step and saving; Ctrl-C again stops at once"
_hung_up: list[int] = []
"""Not empty after SIGHUP."""
_pending: type[KeyboardInterrupt] | None = None
"""The exception that a signal raised: Python discards it during an import or in a destructor."""


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise Terminated within the context, so that `finally` blocks are executed.

    An exception of a signal that Python discards is stored for `raise_pending_interrupt`, without a traceback.
    """
    global _pending
    outside, hook, hung_up = _pending, sys.unraisablehook, list(_hung_up)

    def handle(number: int, restore: Callable[[], None]) -> None:
        global _pending
        _pending = RAISED[number]
        raise _pending

    def discarded(unraisable: sys.UnraisableHookArgs) -> None:
        global _pending
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            _pending = type(unraisable.exc_value)
        else:
            hook(unraisable)

    sys.unraisablehook = discarded
    try:
        with handling(list(RAISED), handle):
            yield
    finally:
        _pending = outside
        _hung_up[:] = hung_up
        if sys.unraisablehook is discarded:
            sys.unraisablehook = hook


def raise_pending_interrupt() -> None:
    """Raise the exception of a signal that Python discarded. Long operations call this regularly."""
    if _pending:
        raise _pending


@contextmanager
def first_interrupt(stop: Callable[[int], None], quiet: bool = False) -> Iterator[None]:
    """Within the context, the first SIGINT, SIGTERM or SIGHUP calls `stop` with its number.

    After it, signals have their former handlers.
    """

    def handle(number: int, restore: Callable[[], None]) -> None:
        restore()
        stop(number)
        if quiet:
            return
        try:
            tell(FINISHING)
        except RuntimeError:  # the signal interrupted another print, whose buffer cannot be used now
            with suppress(AttributeError, OSError, ValueError):
                os.write(sys.stderr.fileno(), f"{FINISHING}\n".encode())

    with handling([signal.SIGINT, *RAISED], handle):
        if _pending:
            stop(exit_code(_pending()) - 128)
        yield


@contextmanager
def handling(signals: list[int], handle: Callable[[int, Callable[[], None]], None]) -> Iterator[None]:
    """Within the context, signals call `handle` with their number and a function that restores the former handlers.

    A process that is forked inside keeps the former handlers. Outside the main thread, where no handler can be set,
    nothing changes. SIGHUP stays ignored if it is, as under nohup. It is handled once: when a terminal is closed, both
    the system and its shell send it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()
    before = {each: signal.getsignal(each) or signal.SIG_DFL for each in signals}
    if before.get(HungUp.number) == signal.SIG_IGN:
        del before[HungUp.number]

    def restore() -> None:
        for each, handler in before.items():
            signal.signal(each, handler)

    def only_here(number: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            if number == HungUp.number != signal.SIGTERM:
                if _hung_up:
                    return
                _hung_up.append(number)
            handle(number, restore)
        else:
            restore()
            os.kill(os.getpid(), number)

    for each in before:
        signal.signal(each, only_here)
    try:
        yield
    finally:
        restore()
