"""Worker processes on this machine: each is the same command with `--worker`, and has its share of cores and GPUs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from signal import SIGTERM

import torch

from genzoo.system.threads import usable_cores

SET_BY_USER = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables with which a user says how many threads a process has."""
VISIBLE = "CUDA_VISIBLE_DEVICES"


def run_workers(command: Sequence[str], count: int, say: Callable[[str], None], deal: bool = True) -> None:
    """Start worker processes and wait for their end, however they end: what one leaves undone, the others take over.

    After Ctrl-C or SIGTERM each worker finishes its step and saves a checkpoint, and is waited for; a second one stops
    them at once. They have process groups of their own, so that a terminal's Ctrl-C reaches each of them once.

    Args:
        command: The words after `genzoo`.
        count: How many.
        say: Takes each line that they print.
        deal: Whether each gets one of the GPUs, if there are several.

    Raises:
        KeyboardInterrupt: All have ended.
    """
    words = [sys.executable, "-m", "genzoo", *command]
    workers: list[subprocess.Popen[str]] = []
    readers: list[threading.Thread] = []
    stopped: KeyboardInterrupt | None = None
    try:
        for shares in environments(count, deal):
            worker = subprocess.Popen(  # noqa: S603 (this program, with the words that the user typed)
                words, env={**os.environ, **shares}, text=True, errors="replace", process_group=0,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            workers.append(worker)
            readers.append(threading.Thread(target=pass_on, args=(worker, say), daemon=True))
            readers[-1].start()
    except KeyboardInterrupt as error:
        stopped = error
        stop(workers)
    while any(reader.is_alive() for reader in readers):
        try:
            for reader in readers:
                reader.join()
        except KeyboardInterrupt as error:
            stopped = stopped or error
            stop(workers)
    if stopped:
        raise stopped


def stop(workers: Sequence[subprocess.Popen[str]]) -> None:
    """Ask workers to end. SIGTERM, since one that is only starting would print a traceback after SIGINT."""
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(SIGTERM)


def pass_on(worker: subprocess.Popen[str], say: Callable[[str], None]) -> None:
    """Pass on each line of a worker until its end; of one that was killed, say so."""
    assert worker.stdout is not None
    for line in worker.stdout:
        if line.strip():
            say(line.rstrip())
    if worker.wait() < 0 and worker.returncode != -SIGTERM:
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
