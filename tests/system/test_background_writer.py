"""The background writer: one task at a time, and its error reaches the caller."""

from __future__ import annotations

import threading
import time

import pytest

from genzoo.system.background_writer import Abandoned, Writer


def test_tasks_run_in_another_thread_one_after_the_other() -> None:
    writer, threads = Writer(), list[int]()
    for _ in range(2):
        writer.begin(lambda: threads.append(threading.get_ident()))
        writer.wait()
        assert not writer.busy
    writer.close()
    assert len(threads) == 2
    assert threading.get_ident() not in threads


def test_the_error_of_a_task_is_raised_once_where_it_is_waited_for() -> None:
    writer = Writer()

    def fail() -> None:
        raise OSError(28, "No space left on device")

    writer.begin(fail)
    with pytest.raises(OSError, match="No space left"):
        writer.wait()
    writer.wait()
    writer.close()


@pytest.mark.parametrize("abandon", [False, True])
def test_closing_finishes_a_task_or_ends_it_early(abandon: bool) -> None:
    writer, started, steps = Writer(), threading.Event(), list[int]()

    def work() -> None:
        started.set()
        for step in range(20):
            writer.raise_pending_interrupt()
            steps.append(step)
            time.sleep(0.01)

    writer.begin(work)
    started.wait(10)
    assert writer.busy
    writer.close(abandon)
    assert (len(steps) < 20) == abandon
    if abandon:
        with pytest.raises(Abandoned):
            writer.wait()
    else:
        writer.wait()
