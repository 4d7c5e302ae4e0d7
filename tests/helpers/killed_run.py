"""A run in a process of its own that is killed in the midst of its training."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import genzoo

PROGRAM = """
import sys, genzoo
options = {"hidden": (8,), "save_every": 0.3, "listeners": sys.argv[2:], "quiet": True}
genzoo.run("vae", "digits", out=sys.argv[1], epochs=2000, **options)
"""


def kill_run(folder: Path, *listeners: str, seconds: float = 0.5, **environment: str) -> int:
    """Start a run, kill it (-9) `seconds` after its first checkpoint, and return the number of its epochs."""
    words = [sys.executable, "-c", PROGRAM, str(folder), *listeners]
    process = subprocess.Popen(words, env={**os.environ, **environment})
    deadline = time.monotonic() + 90
    while not list((folder / "checkpoints").glob("step-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(genzoo.Run(folder).history)
