"""A run in a process of its own that is killed in the midst of its training."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import genzoo

PROGRAM = """
import sys, genzoo
options = {"hidden": (8,), "save_every": 0.3, "listeners": sys.argv[2:], "quiet": True}
genzoo.run("vae", "digits", out=sys.argv[1], epochs=2000, **options)
"""


def kill_run(folder: Path, *listeners: str, when: Callable[[], object] = lambda: True, **environment: str) -> int:
    """Start a run, kill it (-9) after its first checkpoint, once `when()` is true, and return its number of epochs."""
    words = [sys.executable, "-c", PROGRAM, str(folder), *listeners]
    here = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}  # that of this process
    process = subprocess.Popen(words, env={**here, **environment})
    deadline = time.monotonic() + 120
    while not (list((folder / "checkpoints").glob("step-*")) and when()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(genzoo.Run(folder).history)
