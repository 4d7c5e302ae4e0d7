"""What happens to runs that are killed, stopped or starved while a thread writes a checkpoint, counted.

    python tests/crash/in_flight.py            the figures of every change
    python tests/crash/in_flight.py --long     those of a release
    python tests/crash/in_flight.py kills=50   some of them, with other counts

The trials of trials.py, with every checkpoint written in the thread, and signals that come in the midst of a write.
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
from genzoo.experiment.checkpointing import FOLDER, Checkpointer
from genzoo.training.trainer import Trainer

SHORT = {"kills": 12, "io_points": 0, "io_errors": 3, "disk_full": 3, "signals_in_flight": 12}
LONG = {"kills": 500, "io_points": 0, "io_errors": 100, "disk_full": 50, "signals_in_flight": 300}
write, stepped = os.write, Checkpointer.stepped


def one_a_step(self: Checkpointer, done: int, terms: object) -> None:
    """Saves every step, as the trials want it: the write of the step before is through."""
    self.hear()
    stepped(self, done, terms)
    if self.due:  # there was no memory for copies yet
        self.hear()
        stepped(self, done, terms)


def slow_write(descriptor: int, content: Any) -> int:
    """A disk that takes 0.1 s for a checkpoint, or so."""
    time.sleep(0.02)
    return write(descriptor, content)


def kills(count: int) -> dict[str, Any]:
    """kill -9 at random; the disk is slow, so that the thread is in the midst of a write for most of the time."""
    Checkpointer.stepped = stepped  # type: ignore[method-assign]
    os.write = slow_write
    try:
        return trials.kills(count)
    finally:
        os.write = write
        Checkpointer.stepped = one_a_step  # type: ignore[method-assign]


def signals_in_flight(count: int) -> dict[str, Any]:
    """A signal while the thread writes, and for half of them another one: ended with the right code, nothing is torn or
    left over, after one signal no step is lost, and the run goes on to the same end."""
    harness.reference()
    draw, good, slowest = random.Random(6), 0, 0.0
    for trial in range(count):
        number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[trial % 3]
        twice = trial // 3 % 2 == 1
        with folder() as path:
            child = Child(lambda path=path: command(path))  # type: ignore[misc]
            begin = draw.randint(1, 6)
            while child.ended() is None and len(seen(path)) < begin:  # so many temporary folders were there
                time.sleep(0.002)
            time.sleep(draw.uniform(0, 0.1))
            before, began = last_step(path), time.monotonic()
            child.send(number)
            if twice:
                time.sleep(draw.uniform(0.001, 0.05))
                child.send(signal.SIGTERM if number == signal.SIGHUP else number)  # of two SIGHUPs one is heard
            code = child.wait(10.0)
            slowest = max(slowest, time.monotonic() - began)
            codes = {128 + number, 143 if twice and number == signal.SIGHUP else 128 + number, 0}
            said = child.text()
            right = code in codes and "Traceback" not in said and not unreadable(path)
            right = right and not any((path / FOLDER).glob(".*")) and last_step(path) >= before
            if not twice and code:
                made = int((path / "steps").read_text())
                right = right and last_step(path) == made
            left = last_step(path)
            (path / "steps").unlink()
            finish(path)
            right = right and trials.equal(path)
            good += right or trials.complain(
                f"signal {number}, twice: {twice}: exit {code}, step {left}, before {before}, it said {said}"
            )
    return {"signals": count, "good": good, "slowest": round(slowest, 2), "ok": good == count}


_seen: dict[Path, set[str]] = {}


def seen(path: Path) -> set[str]:
    """The temporary folders of a run's saves that were ever seen."""
    found = _seen.setdefault(path, set())
    found.update(each.name for each in (path / FOLDER).glob(".tmp-*"))
    return found


def command(path: Path) -> int:
    """The run as a command, on a slow disk, that writes down its steps and saves as often as it can."""
    Checkpointer.stepped = stepped  # type: ignore[method-assign]
    os.write = slow_write
    made = Trainer._train_step

    def counting(self: Trainer, *inputs: Any) -> None:
        made(self, *inputs)
        (path / "steps").write_text(str(self.step))
        time.sleep(0.03)

    Trainer._train_step = counting  # type: ignore[method-assign]
    return main(["run", "vae", "--dataset", "moons", *trials.words(path, save_every=1e-9)])


if __name__ == "__main__":
    checkpointing.LARGE = 0
    Checkpointer.stepped = one_a_step  # type: ignore[method-assign]
    ours = {"kills": kills, "signals_in_flight": signals_in_flight}
    sys.exit(trials.run(sys.argv[1:], {**trials.TRIALS, **ours}, SHORT, LONG))
