"""Threads of the processor: how long OpenMP's wait for work, and whether other programs keep the cores busy."""

from __future__ import annotations

import os
import sys

SPIN = {"GOMP_SPINCOUNT": "20000", "KMP_BLOCKTIME": "1"}
"""How long a thread that waits keeps its core, for the two runtimes that torch comes with: rounds of a loop for GNU's,
below a millisecond; milliseconds for LLVM's and Intel's."""
WAITING = (*SPIN, "OMP_WAIT_POLICY", "KMP_LIBRARY")
"""Variables by which a user decides on it."""
BUSY = 1.25
"""Runnable threads a core from which on a machine is overloaded."""


def limit_thread_spinning() -> None:
    """Have OpenMP threads give up their core a moment after they have run out of work.

    By default they go on spinning for milliseconds. Beside other busy programs the threads of one product then wait
    for each other by turns, and a step takes up to 20 times as long. To be called before torch is imported, which
    brings the runtime; what the user has set stays.
    """
    if "torch" not in sys.modules and not any(name in os.environ for name in WAITING):
        os.environ.update(SPIN)


def overloaded() -> str | None:
    """Return a line that says how busy other programs keep this machine; None where they leave it a core."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # not on every system
        return None
    cores = os.cpu_count() or 1
    if load < BUSY * cores:
        return None
    return f"this machine is overloaded: {load:.1f} threads want its {cores} cores; OMP_NUM_THREADS=1 may be faster"
