"""A stand-in for benchmarks/gpu/stage.py, without torch: a stage's name says how it ends."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks/gpu"))

from records import load, save

name, file, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
record = load(file) or {"stage": name, "status": "running", "rehearsal": True, "limit": seconds, "rows": []}
first = not record["rows"]
record["rows"].append({"key": f"row {len(record['rows']) + 1}", "pid": os.getpid()})
save(file, record)
print(f"{name} at work")
if name == "raises":
    save(file, record | {"traceback": "Traceback …\nValueError: on purpose"})
    sys.exit(1)
if name == "dies" and first:
    save(file, record | {"trying": "the deadly row"})
    os.kill(os.getpid(), signal.SIGKILL)
while name in ("left", "right") and len(list(file.parent.glob("*.json"))) < 2:  # ends only beside the other one
    time.sleep(0.01)
if name == "slow":
    time.sleep(600)
