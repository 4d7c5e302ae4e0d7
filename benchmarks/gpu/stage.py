"""The process of one stage: `stage.py NAME FILE SECONDS [--rehearse]`, started by suite.py.

Exit codes: 0 success, 1 the stage failed, 2 no CUDA device, 75 this process cannot continue but a new one can.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from bench import Bench


def perform(run: Callable[[Bench], None], bench: Bench) -> int:
    """Run a stage and return the exit code. An exception outside a row fails the stage."""
    try:
        run(bench)
    except Exception:
        bench.record["traceback"] = traceback.format_exc()
        bench.save()
        return 1
    return 0


def main() -> int:
    """Run the stage named on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name")
    parser.add_argument("file", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args()
    bench = Bench(options.name, options.file, options.seconds, options.rehearse)
    if not bench.has_device:
        return 2
    gc.freeze()  # the collection before a row need not look at what is imported

    def run(bench: Bench) -> None:
        importlib.import_module(f"stages.{options.name}").run(bench)

    return perform(run, bench)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # a library's exit handlers must not change the exit code
