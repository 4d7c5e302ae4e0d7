"""CPU time of whole processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence


def cpu_seconds(words: Sequence[str], environment: Mapping[str, str] | None = None, refused: bool = False) -> float:
    """Return the CPU seconds, user and system, of a process and of the processes it started and waited for.

    Args:
        words: The command.
        environment: Its variables; None means those of this process.
        refused: Whether it may fail; otherwise a failure ends this program.
    """
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and not refused:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime
