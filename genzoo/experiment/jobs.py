"""Worker processes on this machine: each is the same command with `--worker`, and has its share of cores and GPUs."""

from __future__ import annotations

import _thread
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from signal import SIGTERM

import torch

from genzoo.system.threads import usable_cores

SET_BY_USER = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables with which a user says how many threads a process has."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
HELD = "GENZOO_PARENT_HOLDS_STDIN"
"""Set for a worker whose standard input is a pipe that the process which started it keeps open until its end."""


def run_workers(command: Sequence[str], count: int, say: Callable[[str], None], deal: bool = True) -> None:
    """Start worker processes and wait for their end, however they end: what one leaves undone, the others take over.

    After Ctrl-C or SIGTERM each worker finishes its step and saves a checkpoint, and is waited for; a second one stops
    them at once. They have process groups of their own, so that a terminal's Ctrl-C reaches each of them once. If this
    process is killed, they do the same, see `end_with_parent`.

    Args:
        command: The words after `genzoo`.
        count: How many.
        say: Takes each line that they print.
        deal: Whether each gets one of the GPUs, if there are several.

    Raises:
        KeyboardInterrupt: All have ended.
    """
    words = [sys.executable, "-m", "genzoo", *command]
    workers, ending = list[subprocess.Popen[str]](), threading.Event()

    def work(shares: Mapping[str, str], ended: threading.Event) -> None:
        """Start a worker and pass on what it prints: in a thread, where no Ctrl-C can hit between the two."""
        try:
            workers.append(worker := started(words, shares))
            if ending.is_set():
                stop([worker])
            pass_on(worker, say)
        except OSError as error:
            say(f"genzoo: cannot start a worker: {error.strerror}")
        finally:
            ended.set()

    ends = [threading.Event() for _ in range(count)]
    threads = [
        threading.Thread(target=work, args=each, daemon=True)
        for each in zip(environments(count, deal), ends, strict=True)
    ]
    stopped: KeyboardInterrupt | None = None
    begin = iter(threads)
    while True:
        try:
            for thread in begin:
                thread.start()
            for thread, ended in zip(threads, ends, strict=True):
                if thread.ident:  # it was started
                    ended.wait()  # a `join` that Ctrl-C interrupts would take a living thread for an ended one
            break
        except KeyboardInterrupt as error:
            stopped, begin = stopped or error, iter(())
            ending.set()
            stop(workers)
    if stopped:
        raise stopped


def started(words: Sequence[str], shares: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a worker, in a process group of its own, so that a terminal's Ctrl-C does not reach it."""
    return subprocess.Popen(  # noqa: S603 (this program, with the words that the user typed)
        words, env={**os.environ, **shares, HELD: "1"}, text=True, errors="replace", process_group=0,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def end_with_parent() -> None:
    """End this worker as SIGTERM does once the process that started it has ended; nothing if no such process did.

    The system closes a pipe's end with the process that holds it, however that ends.
    """
    if os.environ.pop(HELD, None):
        threading.Thread(target=wait_for_parent, name="genzoo-parent", daemon=True).start()


def wait_for_parent() -> None:
    """Wait for the end of standard input, and then end this process as SIGTERM does."""
    with suppress(OSError):
        while os.read(0, 1):
            pass
    _thread.interrupt_main(SIGTERM)


def stop(workers: Iterable[subprocess.Popen[str]]) -> None:
    """Ask workers to end. SIGTERM, since one that is only starting would print a traceback after SIGINT."""
    for worker in list(workers):
        if worker.poll() is None:
            worker.send_signal(SIGTERM)


def pass_on(worker: subprocess.Popen[str], say: Callable[[str], None]) -> None:
    """Pass on each line of a worker until its end; of one that was killed, say so."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    with worker.stdin, worker.stdout as lines:
        for line in lines:
            if line.strip():
                say(line.rstrip())
        worker.wait()
    if worker.returncode < 0 and worker.returncode != -SIGTERM:
        say(f"genzoo: worker {worker.pid} was ended by signal {-worker.returncode}; its run is taken over")


def environments(count: int, deal: bool = True) -> list[dict[str, str]]:
    """Return the variables of each worker: its share of the cores, unless the user has set one, and its GPU."""
    threads = (
        {}
        if any(name in os.environ for name in SET_BY_USER)
        else {SET_BY_USER[0]: str(max(int(usable_cores() / count), 1))}
    )
    devices = gpus() if deal else []
    if len(devices) < 2:
        return [threads] * count
    return [{**threads, VISIBLE: devices[number % len(devices)]} for number in range(count)]


def gpus() -> list[str]:
    """Return the GPUs that this process sees, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get(VISIBLE)
    if visible is not None:
        return [name for part in visible.split(",") if (name := part.strip())]
    return [str(number) for number in range(torch.cuda.device_count())]
