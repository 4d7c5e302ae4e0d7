"""Count what happens to runs that are killed, stopped or out of disk space while a thread writes a checkpoint.

    python tests/crash/in_flight.py            the trials of every change
    python tests/crash/in_flight.py --long     the trials of a release
    python tests/crash/in_flight.py kills=50   some trials, with other counts

These are the trials of trials.py with every checkpoint written in the thread, and signals during a write.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import harness
import trials
from harness import Child, finish, folder, last_step, unreadable

from genzoo.cli.main import main
from genzoo.experiment import checkpointing
from genzoo.experiment.checkpointing import Checkpointer
from genzoo.runs.run import CHECKPOINTS
from genzoo.training.trainer import Trainer

SHORT = {"kills": 12, "io_points": 0, "io_errors": 3, "disk_full": 3, "signals_in_flight": 12}
LONG = {"kills": 500, "io_points": 0, "io_errors": 100, "disk_full": 50, "signals_in_flight": 300}
write, stepped = os.write, Checkpointer.stepped


def one_a_step(self: Checkpointer, done: int, terms: object) -> None:
    """Save at every step, as the trials need it: the write of the step before has finished."""
    self.hear()
    stepped(self, done, terms)
    if self.due:  # there is no memory for copies yet
        self.hear()
        stepped(self, done, terms)


def slow_write(descriptor: int, content: Any) -> int:
    """Imitate a disk that takes about 0.1 s for a checkpoint."""
    time.sleep(0.02)
    return write(descriptor, content)


def kills(count: int) -> dict[str, Any]:
    """Send kill -9 at random times; the disk is slow, so that the thread is writing most of the time."""
    Checkpointer.stepped = stepped  # type: ignore[method-assign]
    os.write = slow_write
    try:
        return trials.kills(count)
    finally:
        os.write = write
        Checkpointer.stepped = one_a_step  # type: ignore[method-assign]


def signals_in_flight(count: int) -> dict[str, Any]:
    """Send a signal while the thread writes, and a second one in half of the trials.

    The exit code must be correct and nothing damaged or left over. After one signal no step is lost. The resumed run
    has the same result.
    """
    harness.reference()
    draw, good, slowest = random.Random(6), 0, 0.0
    for trial in range(count):
        number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[trial % 3]
        twice = trial // 3 % 2 == 1
        with folder() as path:
            child = Child(lambda path=path: command(path))  # type: ignore[misc]
            begin = draw.randint(1, 6)
            while child.ended() is None and len(seen(path)) < begin:  # wait for that many temporary folders
                time.sleep(0.002)
            time.sleep(draw.uniform(0, 0.1))
            before, began = last_step(path), time.monotonic()
            child.send(number)
            if twice:
                time.sleep(draw.uniform(0.001, 0.05))
                child.send(signal.SIGTERM if number == signal.SIGHUP else number)  # a second SIGHUP is ignored
            code = child.wait(10.0)
            slowest = max(slowest, time.monotonic() - began)
            codes = {128 + number, 143 if twice and number == signal.SIGHUP else 128 + number, 0}
            output = child.text()
            right = code in codes and "Traceback" not in output and not unreadable(path)
            right = right and not any((path / CHECKPOINTS).glob(".*")) and last_step(path) >= before
            if not twice and code:
                done = int((path / "steps").read_text())
                right = right and last_step(path) == done
            left = last_step(path)
            (path / "steps").unlink()
            finish(path)
            right = right and trials.equal(path)
            good += right or trials.complain(
                f"signal {number}, twice: {twice}: exit {code}, step {left}, before {before}, output: {output}"
            )
    return {"signals": count, "good": good, "slowest": round(slowest, 2), "ok": good == count}


_seen: dict[Path, set[str]] = {}


def seen(path: Path) -> set[str]:
    """Return all temporary folders of a run's saves seen so far."""
    found = _seen.setdefault(path, set())
    found.update(each.name for each in (path / CHECKPOINTS).glob(".tmp-*"))
    return found


def command(path: Path) -> int:
    """Run the command on a slow disk; it records its steps and saves as often as possible."""
    Checkpointer.stepped = stepped  # type: ignore[method-assign]
    os.write = slow_write
    train_step = Trainer._train_step

    def counting(self: Trainer, *inputs: Any) -> None:
        train_step(self, *inputs)
        (path / "steps").write_text(str(self.step))
        time.sleep(0.03)

    Trainer._train_step = counting  # type: ignore[method-assign]
    return main(["run", "vae", "--dataset", "moons", *trials.words(path, save_every=1e-9)])


if __name__ == "__main__":
    checkpointing.LARGE = 0
    Checkpointer.stepped = one_a_step  # type: ignore[method-assign]
    ours = {"kills": kills, "signals_in_flight": signals_in_flight}
    sys.exit(trials.run(sys.argv[1:], {**trials.TRIALS, **ours}, SHORT, LONG))
