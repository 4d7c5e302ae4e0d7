"""Ctrl-C, SIGTERM and SIGHUP: the first one finishes the step and saves, the second one stops at once."""

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
    """SIGTERM came. As Ctrl-C, but the exit code is another."""

    number = signal.SIGTERM


class HungUp(Terminated):
    """SIGHUP came: the terminal was closed, or the connection to it was lost."""

    number = getattr(signal, "SIGHUP", signal.SIGTERM)


RAISED: dict[int, type[Terminated]] = {each.number: each for each in (HungUp, Terminated)}
"""What each signal raises that Python itself does not turn into an exception. Windows has no SIGHUP."""


def exit_code(error: KeyboardInterrupt) -> int:
    """128 + the number of the signal, as shells have it."""
    return 128 + (error.number if isinstance(error, Terminated) else signal.SIGINT)


def interruption(number: int) -> KeyboardInterrupt:
    """What a signal of this number raises."""
    return RAISED.get(number, KeyboardInterrupt)()


_hung_up: list[int] = []
"""Not empty once SIGHUP came."""
_came: type[KeyboardInterrupt] | None = None
"""What a signal raised: in the midst of an import or of a destructor Python swallows that."""


@contextmanager
def terminable() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise Terminated, so that what was begun is brought to an end.

    A signal that Python swallows is remembered for `raise_pending_interrupt`, without Python's traceback.
    """
    global _came
    outside, hook, hung_up = _came, sys.unraisablehook, list(_hung_up)

    def handle(number: int, restore: Callable[[], None]) -> None:
        global _came
        _came = RAISED[number]
        raise _came

    def swallowed(unraisable: sys.UnraisableHookArgs) -> None:
        global _came
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            _came = type(unraisable.exc_value)
        else:
            hook(unraisable)

    sys.unraisablehook = swallowed
    try:
        with handling(list(RAISED), handle):
            yield
    finally:
        _came = outside
        _hung_up[:] = hung_up
        if sys.unraisablehook is swallowed:
            sys.unraisablehook = hook


def raise_pending_interrupt() -> None:
    """Raises what a signal raised and Python swallowed; called now and then."""
    if _came:
        raise _came


@contextmanager
def first_interrupt(stop: Callable[[int], None], quiet: bool = False) -> Iterator[None]:
    """Inside, the first SIGINT, SIGTERM or SIGHUP calls `stop` with its number, and the next ones do what they did."""

    def handle(number: int, restore: Callable[[], None]) -> None:
        restore()
        stop(number)
        told = "\ngenzoo: finishing this step and saving; Ctrl-C again stops at once"
        with suppress(RuntimeError):  # the signal came in the midst of another print
            tell(told) if not quiet else None

    with handling([signal.SIGINT, *RAISED], handle):
        if _came:
            stop(exit_code(_came()) - 128)
        yield


@contextmanager
def handling(signals: list[int], handle: Callable[[int, Callable[[], None]], None]) -> Iterator[None]:
    """Inside, signals call `handle` with their number and with what puts the former handlers back.

    A process that was forked inside is not meant: there a signal does what it did before. Outside the main thread,
    where no handler can be set, nothing is changed. SIGHUP stays ignored where it is, as under nohup. It is heard once:
    a terminal that is closed sends it twice, by the system and by its shell.
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
