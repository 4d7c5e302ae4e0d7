"""Worker processes: their share of cores and GPUs; `tests/cli/test_sharing.py` starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

import pytest

from genzoo.experiment import jobs
from genzoo.runs.claims import began

SAVING = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), sys.exit(143)))
print("ready", flush=True)
time.sleep(60)
"""
"""A program that takes a moment to end when it is asked to."""


def test_after_ctrl_c_a_worker_is_asked_to_end_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    start, workers = jobs.started, list[subprocess.Popen[str]]()

    def started(words: Sequence[str], shares: Mapping[str, str]) -> subprocess.Popen[str]:
        workers.append(start([sys.executable, "-S", "-c", SAVING], shares))
        return workers[-1]

    monkeypatch.setattr(jobs, "started", started)
    with pytest.raises(KeyboardInterrupt):
        jobs.run_workers([], 1, lambda line: os.kill(os.getpid(), signal.SIGINT))
    assert [worker.returncode for worker in workers] == [143]


ALONE = """
import signal, sys, time
from genzoo.experiment import jobs
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
jobs.end_with_parent()
print("ready", flush=True)
while True:
    time.sleep(0.01)
"""
"""A worker that never ends by itself."""
PARENT = """
import os, signal, sys
from genzoo.experiment import jobs
worker = jobs.started([sys.executable, "-c", sys.argv[1]], {})
worker.stdout.readline()
print(worker.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
"""A process that starts a worker and is killed."""


@pytest.mark.long
def test_a_worker_ends_when_the_process_that_started_it_is_killed() -> None:
    result = subprocess.run([sys.executable, "-c", PARENT, ALONE], capture_output=True, text=True, timeout=60)
    assert result.returncode == -signal.SIGKILL, result.stderr
    until = time.monotonic() + 60
    while began(int(result.stdout)) is not None:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_what_no_process_has_started_so_does_not_wait_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(jobs.HELD, raising=False)
    before = threading.active_count()
    jobs.end_with_parent()
    assert threading.active_count() == before


def test_workers_have_their_share_of_cores_and_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*jobs.SET_BY_USER, jobs.VISIBLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(jobs, "usable_cores", lambda: 8.0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert jobs.environments(3) == [{"OMP_NUM_THREADS": "2"}] * 3
    assert jobs.environments(20) == [{"OMP_NUM_THREADS": "1"}] * 20
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert [each[jobs.VISIBLE] for each in jobs.environments(3)] == ["0", "1", "0"]
    assert jobs.environments(2, deal=False) == [{"OMP_NUM_THREADS": "4"}] * 2
    monkeypatch.setenv(jobs.VISIBLE, "5, GPU-a,7")
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    assert jobs.environments(2) == [{jobs.VISIBLE: "5"}, {jobs.VISIBLE: "GPU-a"}]
