"""CPU threads: how long idle OpenMP threads spin, and whether other programs keep the cores busy."""

from __future__ import annotations

import os
import sys
from pathlib import Path

SPIN = {"GOMP_SPINCOUNT": "20000", "KMP_BLOCKTIME": "1"}
"""How long an idle thread spins, for the two OpenMP runtimes of torch: iterations of a loop for GNU's, which take less
than a millisecond; milliseconds for LLVM's and Intel's."""
WAITING = (*SPIN, "OMP_WAIT_POLICY", "KMP_LIBRARY")
"""Variables with which a user controls this."""
CGROUP = Path("/sys/fs/cgroup")
BUSY = 1.25
"""Runnable threads per core from which a machine is overloaded."""


def limit_thread_spinning() -> None:
    """Make idle OpenMP threads release their core after less than a millisecond.

    By default they spin for several milliseconds. Beside other busy programs the threads of one matrix product then
    wait for each other in turn, and a step takes up to 20 times as long. Call this before torch is imported: importing
    it loads the runtime. Variables set by the user are kept.
    """
    if "torch" not in sys.modules and not any(name in os.environ for name in WAITING):
        os.environ.update(SPIN)


def overloaded() -> str | None:
    """Return a line about how busy this machine is; None if it is not overloaded."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # not on every system
        return None
    cores = os.cpu_count() or 1
    if load < BUSY * cores:
        return None
    faster = "" if os.environ.get("OMP_NUM_THREADS") == "1" else "; OMP_NUM_THREADS=1 may be faster"
    return f"this machine is overloaded: {load:.1f} threads want its {cores} cores{faster}"


def usable_cores() -> float:
    """Return how many cores this process may use, by its affinity and the limit of its container; may be a fraction."""
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    for file in (CGROUP / "cpu.max", CGROUP / "cpu/cpu.cfs_quota_us"):  # of version 2, or 1 of control groups
        try:
            words = file.read_text().split()
            period = words[1] if len(words) > 1 else (CGROUP / "cpu/cpu.cfs_period_us").read_text()
            cores = min(cores, int(words[0]) / int(period)) if words[0] not in ("max", "-1") else cores
        except (OSError, ValueError, IndexError):  # no limit of this kind
            continue
    return cores
