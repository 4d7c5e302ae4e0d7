"""Count what happens to runs that are killed, stopped or out of disk space.

    python tests/crash/trials.py              the trials of every change, in a minute or two
    python tests/crash/trials.py --long       the trials of a release: 1,000 kills, 5,000 changed files, …
    python tests/crash/trials.py kills=50     some trials, with other counts

Prints one line of JSON per kind of trial and exits with 1 if one fails. tests/crash/test_crash.py runs the first form;
the long suite runs the second.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import harness
from harness import SCRATCH, STEPS, Child, finish, folder, go_on, last_step, reference, result, unreadable

from genzoo.cli.main import main
from genzoo.core.errors import GenzooError, UsageError
from genzoo.experiment.checkpointing import Checkpointer
from genzoo.experiment.resume import Resumption
from genzoo.runs import checkpoints, new_run
from genzoo.runs.checkpoint_format import to_snapshot
from genzoo.runs.run import CHECKPOINTS, Run
from genzoo.training.trainer import Trainer

SHORT = {"kills": 2, "io_errors": 2, "flips": 50, "disk_full": 1, "signals": 2, "starts": 4}
LONG = {"kills": 1000, "io_points": 0, "io_errors": 200, "flips": 5000, "disk_full": 100, "signals": 400, "starts": 200}
CALLS = ("open", "write", "fsync", "close", "rename", "mkdir", "unlink", "rmdir")
"""The system calls of a save."""


def equal(path: Path) -> bool:
    return result(path) == reference()


def kills(count: int) -> dict[str, Any]:
    """Send kill -9 at uniformly random times over the length of a run, repeatedly until it is finished."""
    reference()
    draw, torn, done, same, finished = random.Random(1), 0, 0, 0, 0
    while done < count:
        with folder() as path:
            while True:
                child = Child(lambda path=path: go_on(path))  # type: ignore[misc]
                time.sleep(draw.uniform(0, harness.duration()))
                if (code := child.ended()) is None:
                    child.send(signal.SIGKILL)
                    code = child.wait()
                torn += len(unreadable(path))
                done += code == -signal.SIGKILL
                if code == 0:
                    break
                assert code == -signal.SIGKILL, (code, child.text())
                if not (path / "config.json").exists():  # killed before the run existed
                    shutil.rmtree(path, ignore_errors=True)
            finished += 1
            same += equal(path)
    return {"kills": done, "unreadable": torn, "finished": finished, "equal": same, "ok": not torn and same == finished}


class Nth:
    """Replace the n-th system call of a save, counted over all of its calls."""

    def __init__(self, n: int, instead: Callable[[], None]) -> None:
        self.n, self.instead, self.count, self.depth = n, instead, 0, 0
        for name in CALLS:
            setattr(os, name, self.counted(getattr(os, name)))
        save = checkpoints.save

        def counted(*arguments: Any, **options: Any) -> Any:
            self.depth += arguments[1] == STEPS // 2
            try:
                return save(*arguments, **options)
            finally:
                self.depth = 0

        checkpoints.save = counted

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **options: Any) -> Any:
            if self.depth:
                self.count += 1
                if self.count == self.n:
                    self.instead()
            return call(*arguments, **options)

        return counting


def io_points(_: int) -> dict[str, Any]:
    """End the process before the first, second, … call of a save during a run, up to the last call."""
    reference()
    points = without = torn = same = 0
    while True:
        with folder() as path:

            def work(path: Path = path, n: int = points + 1) -> int:
                Nth(n, lambda: os._exit(7))
                return go_on(path)

            code = Child(work).wait()
            if code == 0:
                break
            assert code == 7
            points += 1
            without += last_step(path) < STEPS // 2 - 1
            torn += len(unreadable(path))
            finish(path)
            same += equal(path)
            without += any((path / CHECKPOINTS).glob(".*"))
    ok = points > 20 and not without and not torn and same == points
    return {"points": points, "without": without, "unreadable": torn, "equal": same, "ok": ok}


def io_errors(count: int) -> dict[str, Any]:
    """Let a call of a save fail during a run: training continues and saves again."""
    reference()
    draw, same, reported = random.Random(2), 0, 0
    for _ in range(count):
        number = draw.choice((errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EDQUOT))
        with folder() as path:

            def work(path: Path = path, n: int = draw.randint(1, 24), number: int = number) -> int:
                def fail() -> None:
                    raise OSError(number, os.strerror(number))

                Nth(n, fail)
                return go_on(path)

            child = Child(work)
            code = child.wait()
            assert code == 0, child.text()
            same += equal(path) and not any((path / CHECKPOINTS).glob(".*"))
            reported += child.text().count("\n") <= 1 and "Traceback" not in child.text()
    return {"errors": count, "equal": same, "reported": reported, "ok": same == reported == count}


def disk_full(count: int) -> dict[str, Any]:
    """Leave no space for a save: by a limit on file size, a refused write, or a full file system if mounting works."""
    reference()
    draw, good = random.Random(3), 0
    mounted = SCRATCH / "small"
    mounted.mkdir()
    can_mount = (
        not os.getuid()
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", mounted], capture_output=True, check=False
        ).returncode
    )
    try:
        for trial in range(count):
            with folder() as path:
                kind = ("limit", "answer", "mount" if can_mount else "limit")[trial % 3]
                good += full(path if kind != "mount" else mounted / "run", kind, draw.randint(2, STEPS))
                shutil.rmtree(mounted / "run", ignore_errors=True)
    finally:
        if can_mount:
            subprocess.run(["umount", mounted], check=True)
    return {"trials": count, "good": good, "tmpfs": can_mount, "ok": good == count}


def full(path: Path, kind: str, at: int) -> bool:
    """Return whether a run without space from step `at` on behaves correctly.

    It ends with 1 and one line, the checkpoint before is complete, and with space again the run resumes to the same
    result.
    """

    def work() -> int:
        saved = Checkpointer.save

        def save(self: Checkpointer) -> None:
            if self.trainer.step >= at:
                fill(path.parent) if kind == "mount" else None
                if kind == "limit":
                    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
                if kind == "answer":
                    os.write = refuse
            saved(self)

        def refuse(*_: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        Checkpointer.save = save  # type: ignore[method-assign]
        return go_on(path)

    child = Child(work)
    code, output = child.wait(), child.text()
    for filler in path.parent.glob("filler*"):
        filler.unlink()
    whole = not unreadable(path) and last_step(path) == at - 1
    finish(path)
    reported = "Traceback" not in output and len(output.splitlines()) <= 4
    good = code == 1 and reported and whole and equal(path)
    return good or complain(f"{kind} at {at}: exit {code}, whole: {whole}, output: {output}")


def complain(text: str) -> bool:
    """Print what went wrong in a trial."""
    print(text, file=sys.stderr)
    return False


def fill(place: Path) -> None:
    """Fill all remaining space."""
    with suppress(OSError), open(place / "filler", "ab", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass


def flips(count: int) -> dict[str, Any]:
    """Flip a bit, or shorten, lengthen, remove or exchange a file of a checkpoint.

    It is refused in one line that names it, and the checkpoint before is used.
    """
    draw, refused = random.Random(4), 0
    with folder() as path:
        code = Child(lambda: stop_at(path, STEPS // 2)).wait()
        assert code == 130
        newest, older = checkpoints.published(path / CHECKPOINTS)
        files = {file.name: file.read_bytes() for file in newest.iterdir()}
        others = {file.name: file.read_bytes() for file in older.iterdir()}
        resumption = Resumption(Run(path), Run(path).config, quiet=True)
        trainer = resumption.experiment.load().trainer
        assert isinstance(trainer, Trainer)
        for _ in range(count):
            name = draw.choice(sorted(files))
            (newest / name).unlink()
            changed = change(files[name], others[name], draw)
            if changed is not None:
                (newest / name).write_bytes(changed)
            found, problems = checkpoints.newest(
                path / CHECKPOINTS, lambda checkpoint: to_snapshot(checkpoint, trainer)
            )
            lines = [problem.message for problem in problems]
            reported = len(lines) == 1 and str(newest) in lines[0] and "\n" not in lines[0] and len(lines[0]) < 300
            refused += reported and found is not None and found.progress.step == STEPS // 2 - 1
            (newest / name).write_bytes(files[name])
        found, problems = checkpoints.newest(path / CHECKPOINTS, lambda checkpoint: to_snapshot(checkpoint, trainer))
        assert found
        assert found.progress.step == STEPS // 2
    return {"changes": count, "refused": refused, "ok": refused == count and not problems}


def change(content: bytes, other: bytes, draw: random.Random) -> bytes | None:
    """Return changed content; None removes the file."""
    kind = draw.choice(("flip",) * 12 + ("cut", "cut", "cut", "longer", "swap", "none"))
    if kind == "flip":
        place, changed = draw.randrange(len(content)), bytearray(content)
        changed[place] ^= 1 << draw.randrange(8)
        return bytes(changed)
    if kind == "swap" and other != content:
        return other
    if kind == "longer":
        return content + draw.randbytes(draw.randint(1, 100))
    return None if kind == "none" else content[: draw.randrange(len(content))]


def stop_at(path: Path, step: int) -> int:
    """Resume a run until that many steps are done."""
    train_step = Trainer._train_step

    def stopping(self: Trainer, *inputs: Any) -> None:
        train_step(self, *inputs)
        self.stop_requested = self.step == step

    Trainer._train_step = stopping  # type: ignore[method-assign]
    return go_on(path)


def signals(count: int) -> dict[str, Any]:
    """Send SIGINT or SIGTERM at a random time, and SIGKILL five seconds later.

    The command must end before that, with the right exit code and no lost step.
    """
    reference()
    draw, good, late, steps_lost = random.Random(5), 0, 0, 0
    for trial in range(count):
        number = (signal.SIGINT, signal.SIGTERM)[trial % 2]
        counter = mmap.mmap(-1, 8)
        with folder() as path:
            child = Child(lambda path=path, counter=counter: command(path, counter))  # type: ignore[misc]
            time.sleep(draw.uniform(0, 1.2) * (harness.duration() + STEPS * 0.01))
            if (code := child.ended()) is None:
                child.send(number)
                try:
                    code = child.wait(5.0)
                except TimeoutError:
                    late += 1
            done = int.from_bytes(counter, "little")
            lost = done - last_step(path)
            steps_lost = max(steps_lost, lost)
            # Before and after the command the signal itself ends the process; shells report the same exit code.
            right = code in (0, 128 + number, -number) and "Traceback" not in child.text()
            if path.exists():
                finish(path)
                right = right and equal(path)
            right = right and lost <= 1
            good += right or complain(f"signal {number}: exit {code}, {lost} steps lost, output: {child.text()}")
    return {"signals": count, "good": good, "late": late, "steps_lost": steps_lost, "ok": good == count and not late}


def command(path: Path, counter: mmap.mmap) -> int:
    """Run the command slightly slower, with a shared count of its steps. It saves only at its end."""
    train_step = Trainer._train_step

    def counting(self: Trainer, *inputs: Any) -> None:
        train_step(self, *inputs)
        counter[:] = self.step.to_bytes(8, "little")
        time.sleep(0.01)

    Trainer._train_step = counting  # type: ignore[method-assign]
    return main(["run", "vae", "--dataset", "moons", *words(path, save_every=1000)])


def words(path: Path, save_every: float) -> list[str]:
    """Return the harness's options as words of a command."""
    found = ["--save-every", str(save_every), "--out", str(path), "--quiet"]
    for name, value in harness.OPTIONS.items():
        if name == "data":
            found += [word for option, n in value.items() for word in (f"--data.{option}", str(n))]
        elif name != "save_every":
            values = value if isinstance(value, tuple) else (value,)
            found += [f"--{name.replace('_', '-')}", *map(str, values)]
    return found


def starts(count: int) -> dict[str, Any]:
    """Start several processes at the same time: each gets its own folder, and only one gets a run that all want."""
    with folder() as path:
        at = time.monotonic() + 0.5

        def begin() -> int:
            time.sleep(max(at - time.monotonic(), 0))
            with new_run.claim(path, None, "vae", "moons"):
                return 0

        children = [Child(begin) for _ in range(count)]
        codes = [child.wait() for child in children]
        folders = len(list(path.iterdir()))
    with folder() as path:
        assert Child(lambda: stop_at(path, STEPS // 2)).wait() == 130
        at = time.monotonic() + 0.5

        def resume() -> int:
            time.sleep(max(at - time.monotonic(), 0))
            time_step(0.05)
            run = Run(path)
            try:
                return 0 if Resumption(run, run.config, quiet=True).run_on() else 2
            except UsageError as error:
                return 2 if "is being written by process" in error.message else 98

        children = [Child(resume) for _ in range(min(count, 20))]
        outcomes = sorted(child.wait() for child in children)
        only_one = outcomes == [0] + [2] * (len(outcomes) - 1) and equal(path)
        if not only_one:
            complain(f"exit codes {outcomes}, output {[child.text() for child in children]}")
    return {
        "starts": count,
        "folders": folders,
        "one_writer": only_one,
        "ok": not any(codes) and folders == count and only_one,
    }


def time_step(seconds: float) -> None:
    """Make every step longer."""
    train_step = Trainer._train_step

    def slow(self: Trainer, *inputs: Any) -> None:
        time.sleep(seconds)
        train_step(self, *inputs)

    Trainer._train_step = slow  # type: ignore[method-assign]


TRIALS: dict[str, Callable[[int], dict[str, Any]]] = {
    trial.__name__: trial for trial in (kills, io_points, io_errors, flips, disk_full, signals, starts)
}


Trial = Callable[[int], dict[str, Any]]


def run(
    chosen: list[str],
    trials: Mapping[str, Trial] = TRIALS,
    short: Mapping[str, int] = SHORT,
    long: Mapping[str, int] = LONG,
) -> int:
    """Run the chosen trials and return the exit code."""
    counts = long if "--long" in chosen else short
    asked = dict(word.partition("=")[::2] for word in chosen if not word.startswith("-"))
    bad = False
    try:
        for name, count in counts.items():
            if asked and name not in asked:
                continue
            began = time.monotonic()
            found = trials[name](int(asked.get(name) or count))
            bad = bad or not found["ok"]
            print(json.dumps({"trial": name, **found, "seconds": round(time.monotonic() - began, 1)}), flush=True)
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)
    return int(bad)


if __name__ == "__main__":
    assert issubclass(UsageError, GenzooError)
    sys.exit(run(sys.argv[1:]))
