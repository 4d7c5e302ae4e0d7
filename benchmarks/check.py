"""Check the benchmark suite: every field is recorded, and a slowed training step is noticed.

    python benchmarks/check.py              runs the quick suite on a few models, then a slowed part of it
    python benchmarks/check.py --all        on every registered model
    python benchmarks/check.py FILE.json    checks only a file of `pytest benchmarks --benchmark-json FILE.json`

Exits with 1 if a field is missing or the comparison does not notice the slowed step.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measuring import FIELDS

from genzoo.registry.current import registry

HERE = Path(__file__).parent
KINDS = ("step", "epoch", "first step", "quality")
"""Measured for every model; encode, decode and sample only if the model has them."""
ROW = (
    "test", "train_images_per_second", "inference_images_per_second", "parameters", "peak_memory", "seeds", "runs",
    "settings", "latents", "worse_than",
)  # fmt: skip
"""Fields of a leaderboard's row."""
FAIL = "median:20%"
FEW = ("ae", "conv-vae", "gan")
"""Models without a prior, with a posterior, and without an encoder."""


def missing(data: dict[str, Any]) -> list[str]:
    """Return one line for each field that a leaderboard needs and a file lacks."""
    lines = [
        f"machine_info lacks {name}" for name in ("packages", "threads", "gpus") if name not in data["machine_info"]
    ]
    lines += [] if data["commit_info"].get("id") else ["commit_info lacks id"]
    kinds: dict[str, set[str]] = {}
    for one in data["benchmarks"]:
        info = one["extra_info"]
        lines += [f"{one['name']} lacks {name}" for name in FIELDS if name not in info]
        kinds.setdefault(str(info.get("model")), set()).add(str(info.get("kind")))
        if info.get("kind") == "quality":
            row = info.get("row", {})
            lines += [f"{one['name']} lacks row.{name}" for name in ROW if name not in row]
            known = ({"mean", "interval_95", "test_interval_95", "values"}, {"not_available"})
            lines += [
                f"{one['name']}: {n} is not a metric" for n, f in row.get("test", {}).items() if set(f) not in known
            ]
    lines += [f"{model} has no {kind}" for model, found in kinds.items() for kind in KINDS if kind not in found]
    return lines or ([] if kinds else ["no benchmarks"])


def suite(*options: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the quick suite on one thread, timed by its CPU time; its table goes to standard output."""
    command = [sys.executable, "-m", "pytest", HERE, "--quick", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = list(map(str, command))
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout.partition("Traceback")[0], flush=True)
    return done


def main(arguments: Sequence[str]) -> int:
    models = list(registry().names("model")) if "--all" in arguments else list(FEW)
    given = [word for word in arguments if word != "--all"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(given[0]) if given else Path(folder) / "benchmarks.json"
        if not given and suite("--benchmark-json", file, "--models", ",".join(models)).returncode:
            return 1
        data = json.loads(file.read_text())
        lines = missing(data)
        print("\n".join(lines) or f"{len(data['benchmarks'])} benchmarks hold every field")
        if lines or given:
            return bool(lines)
        slowed = ("-k", "test_step or test_epoch", "--slowed", "--models", models[0])
        done = suite(*slowed, f"--benchmark-compare={file}", f"--benchmark-compare-fail={FAIL}")
    noticed = done.returncode != 0 and "Performance has regressed" in done.stdout
    print("the slowed step was noticed" if noticed else "the slowed step was NOT noticed")
    return int(not noticed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
