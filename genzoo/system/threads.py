"""CPU threads: how long idle OpenMP threads spin, and whether other programs keep the cores busy."""

from __future__ import annotations

import os
import sys

SPIN = {"GOMP_SPINCOUNT": "20000", "KMP_BLOCKTIME": "1"}
"""How long an idle thread spins, for the two OpenMP runtimes of torch: iterations of a loop for GNU's, which take less
than a millisecond; milliseconds for LLVM's and Intel's."""
WAITING = (*SPIN, "OMP_WAIT_POLICY", "KMP_LIBRARY")
"""Variables with which a user controls this."""
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
    return f"this machine is overloaded: {load:.1f} threads want its {cores} cores; OMP_NUM_THREADS=1 may be faster"
