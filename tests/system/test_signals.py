"""Signal handlers: what they do, and that they are restored."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from genzoo.system import signals
from genzoo.system.signals import exit_code, first_interrupt, raise_pending_interrupt, terminable

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FORKED = """
import os, signal, sys
from genzoo.system.signals import first_interrupt, terminable
heard = []
with terminable(), first_interrupt(heard.append):
    child = os.fork()
    if child == 0:
        signal.raise_signal(int(sys.argv[1]))
        os._exit(55)  # not reached: outside, this signal ends the process
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(heard, status)
"""


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_requests_a_stop_and_the_second_one_ends(number: int) -> None:
    before, heard = handlers(), []
    ended: KeyboardInterrupt | None = None
    try:
        with terminable(), first_interrupt(heard.append):
            signal.raise_signal(number)
            assert heard == [number]
            signal.raise_signal(signal.SIGTERM if number == signal.SIGHUP else number)
    except KeyboardInterrupt as error:
        ended = error
    assert ended
    assert heard == [number]
    assert exit_code(ended) == 128 + (signal.SIGTERM if number == signal.SIGHUP else number)
    assert handlers() == before


def test_handlers_are_restored_without_a_signal() -> None:
    before = handlers()
    with terminable(), first_interrupt(lambda number: None):
        assert handlers() != before
    assert handlers() == before


def test_a_forked_process_keeps_the_former_handlers() -> None:
    """A worker that were to save too would write into the same run."""
    words = [sys.executable, "-c", FORKED, str(int(signal.SIGTERM))]
    assert subprocess.run(words, capture_output=True, text=True, timeout=60).stdout == "[] -15\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_an_exception_that_python_discards_is_stored_and_not_shown(
    number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    class Unlucky:
        def __del__(self) -> None:
            signal.raise_signal(number)

    heard: list[int] = []
    hook = sys.unraisablehook
    with terminable():
        unlucky = Unlucky()
        del unlucky
        with first_interrupt(heard.append):
            assert heard == [number]
        with pytest.raises(KeyboardInterrupt) as caught:
            raise_pending_interrupt()
        assert exit_code(caught.value) == 128 + number
    raise_pending_interrupt()
    assert sys.unraisablehook is hook
    assert capfd.readouterr().err == ""


def test_other_errors_that_python_discards_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: shown.append(unraisable.exc_type))

    class Broken:
        def __del__(self) -> None:
            raise ValueError

    with terminable():
        broken = Broken()
        del broken
        raise_pending_interrupt()
    assert shown == [ValueError]


@pytest.mark.parametrize("number", SIGNALS[1:])
def test_outside_a_training_a_signal_ends_the_command(number: int) -> None:
    with pytest.raises(KeyboardInterrupt) as caught, terminable():
        signal.raise_signal(number)
    assert exit_code(caught.value) == 128 + number


def test_a_closed_terminal_is_handled_once() -> None:
    """The system and the shell both send SIGHUP: the second one must not cut the saving short."""
    heard: list[int] = []
    for _ in range(2):
        with terminable():
            with first_interrupt(heard.append):
                signal.raise_signal(signal.SIGHUP)
                signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGHUP)
    assert heard == [signal.SIGHUP] * 2


def test_under_nohup_a_closed_terminal_is_ignored() -> None:
    outside = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    heard: list[int] = []
    try:
        with terminable(), first_interrupt(heard.append):
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, outside)
    assert heard == []


def test_the_message_is_printed_where_the_signal_interrupts_a_print(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Python refuses to write to a stream from a handler that interrupted a write to it."""

    def reentrant(text: str) -> None:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    monkeypatch.setattr(signals, "tell", reentrant)
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    asked: list[int] = []
    with signals.first_interrupt(asked.append):
        signal.raise_signal(signal.SIGINT)
    assert asked == [signal.SIGINT]
    assert capfd.readouterr().err == f"{signals.FINISHING}\n"
