"""A tiny run, and the means to kill it: torch is imported once, and each trial is a fork.

The run has twenty steps of a VAE with eight hidden units on 200 points, with all that has state: a moving average, a
warm-up, a cosine schedule, early stopping. It saves after every step, and makes no figures and no report.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import torch

import genzoo
from genzoo.core.errors import GenzooError
from genzoo.experiment import job
from genzoo.runs import checkpoints
from genzoo.runs.run import CHECKPOINTS, REPORT_FILE, Run

torch.set_num_threads(1)
OPTIONS: dict[str, Any] = {
    "data": {"train": 200, "validation": 60, "test": 60},
    "latent_dim": 2,
    "hidden": (8,),
    "epochs": 5,
    "batch_size": 50,
    "ema": 0.9,
    "schedule": "cosine",
    "lr_warmup": 3,
    "patience": 3,
    "save_every": 1e-9,
}
STEPS = 20
PATIENCE = 60.0
"""Seconds after which a child counts as hung."""


def no_figures(self: Any, run: Run, model: Any) -> None:
    (run.path / REPORT_FILE).write_text("left out")


job.Job.draw = no_figures  # type: ignore[method-assign]


def go_on(folder: Path) -> int:
    """Start the run in a folder, or resume it; return the exit code of the command."""
    try:
        if (folder / "config.json").exists():
            run = genzoo.resume(folder, quiet=True)
        else:
            run = genzoo.run("vae", "moons", out=folder, quiet=True, **OPTIONS)
    except GenzooError as error:
        print(f"genzoo: {error}", file=sys.stderr)
        return error.exit_code
    return 0 if run.record["status"] == "finished" else 130


class Child:
    """A forked process whose work returns its exit code."""

    def __init__(self, work: Callable[[], int]) -> None:
        self.log = Path(tempfile.mkstemp(dir=SCRATCH)[1])
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 99
            try:
                descriptor = os.open(self.log, os.O_WRONLY)
                os.dup2(descriptor, 1)
                os.dup2(descriptor, 2)
                code = work()
            except KeyboardInterrupt:
                code = 130
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def ended(self) -> int | None:
        """Return the exit code, or minus the number of the signal that killed it; None while it runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for the exit code, at most some seconds."""
        end = time.monotonic() + seconds
        while (code := self.ended()) is None:
            if time.monotonic() > end:
                self.send(signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise TimeoutError(f"still running after {seconds} s: {self.text()}")
            time.sleep(0.001)
        return code

    def text(self) -> str:
        """Return its output."""
        return self.log.read_text()


def finish(folder: Path) -> None:
    """Run or resume a run to its end."""
    child = Child(lambda: go_on(folder))
    code = child.wait()
    assert code == 0, (code, child.text())


def result(folder: Path) -> tuple[bytes, list[Any], Any]:
    """Return the results of a finished run without times: the model's bytes, the history, the metrics."""
    run = Run(folder)
    history = [{name: value for name, value in line.items() if name != "seconds"} for line in run.history]
    results = run.results
    took = {name: value for name, value in results["training"].items() if name in ("epochs", "stopped", "best_epoch")}
    return (folder / "model.safetensors").read_bytes(), history, {**results, "training": took}


def unreadable(folder: Path) -> list[Path]:
    """Return published checkpoints that are not complete."""
    return [path for path in checkpoints.published(folder / CHECKPOINTS) if not checkpoints.is_intact(path)]


def last_step(folder: Path) -> int:
    """Return the step of the newest checkpoint; 0 if there is none."""
    return checkpoints.newest(folder / CHECKPOINTS, lambda checkpoint: checkpoint.step)[0] or 0


def scratch_root() -> Path | None:
    """Return a folder in memory if there is one: killing a process never loses what it has written, on any disk."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 28 else None


SCRATCH = Path(tempfile.mkdtemp(prefix="genzoo-crash-", dir=scratch_root()))
_count = iter(range(10**9))


@contextmanager
def folder() -> Iterator[Path]:
    """Return a path for a new run."""
    path = SCRATCH / f"run-{next(_count)}"
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


_reference: dict[str, Any] = {}


def reference() -> tuple[bytes, list[Any], Any]:
    """Return the result of an undisturbed run."""
    if not _reference:
        with folder() as path:
            finish(path)
            _reference["result"] = result(path)
        with folder() as path:
            began = time.monotonic()
            finish(path)
            _reference["seconds"] = time.monotonic() - began
            assert result(path) == _reference["result"], "two undisturbed runs differ"
    return _reference["result"]  # type: ignore[no-any-return]


def duration() -> float:
    """Return the seconds of an undisturbed run."""
    reference()
    return float(_reference["seconds"])
