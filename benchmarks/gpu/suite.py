"""Make all measurements on a GPU, in one command of at most eight minutes.

    python benchmarks/gpu/suite.py --out FOLDER
    python benchmarks/gpu/suite.py --out FOLDER --stages modes,speed
    python benchmarks/gpu/suite.py --out FOLDER --rehearse        the same on a CPU with tiny sizes, under a minute

The suite needs no network and no installed genzoo: missing packages come from the folder that prepare.py makes. Stages
run in order of importance, each in its own process and with its own time limit. Each writes its JSON file after every
row, so no measurement is lost if a stage or the suite fails, crashes or is killed. The next stage gets the time that a
stage leaves over. A summary is printed at the end, and on SIGTERM and Ctrl-C.

On a GPU, one stage runs at a time. A rehearsal measures nothing and runs two: most of its time is torch's import.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "stage.py"
sys.path.insert(0, str(HERE))

from place import environment  # noqa: E402
from records import COMMIT, load, save  # noqa: E402

STAGES = {"models": 70, "modes": 55, "speed": 120, "peers": 95, "zoo": 60, "cards": 30, "safety": 50}
"""The shares of the stages in the time, in the order in which they run. benchmarks/README.md describes them."""
NO_DEVICE = "no device"
NO_CUDA = "torch sees no CUDA device here; to try the suite on the CPU, add --rehearse"
RESTARTS = 5
"""How often a stage continues with its next row after its process has crashed."""
REHEARSED_AT_ONCE = 2
"""Stages that a rehearsal runs at the same time."""
PAUSE = 0.05
"""Seconds between two looks at the processes."""
PR_SET_PDEATHSIG = 1  # of prctl.h
TAIL = 4000
"""Number of characters kept from the end of a stage's output."""


class Stopped(BaseException):
    """Raised when a signal asks the suite to end."""


def raise_pending_interrupt(number: int, frame: FrameType | None) -> None:
    """Handle SIGTERM and Ctrl-C: the first one ends the suite in order, later ones are ignored."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)


def die_with_the_suite() -> None:
    """Make Linux kill the calling process, a stage, when the suite ends for any reason."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Stage:
    """One stage: its process, its time limit and its file.

    Args:
        name: One of STAGES.
        out: The folder of its JSON file.
        limit: Seconds that it may take.
        variables: The environment of its process.
        rehearse: Whether it runs on the CPU with tiny sizes.
    """

    def __init__(self, name: str, out: Path, limit: float, variables: Mapping[str, str], rehearse: bool) -> None:
        self.name = name
        self.file = out / f"{list(STAGES).index(name) + 1}-{name}.json"
        self.limit = limit
        self.variables = variables
        self.rehearse = rehearse
        self.start = time.monotonic()

    def run(self) -> Generator[None]:
        """Run the stage and restart it after crashes. Yield while its process works; the file has the final record."""
        self.file.unlink(missing_ok=True)
        with tempfile.TemporaryFile() as log:
            status = "stopped"
            try:
                for _ in range(RESTARTS + 1):
                    status = yield from self.attempt(log)
                    if status != "crashed" or self.left() < 5:
                        break
                    self.note_the_crash(log)
            finally:
                record = self.record() | {"status": status, "seconds": time.monotonic() - self.start}
                record["output"] = tail(log)
                save(self.file, record)

    def left(self) -> float:
        """Return the seconds that the stage has left."""
        return self.limit - (time.monotonic() - self.start)

    def attempt(self, log: Any) -> Generator[None, None, str]:
        """Run the process once and return "finished", "failed", "crashed", "out of time" or NO_DEVICE."""
        command = [sys.executable, str(PROGRAM), self.name, str(self.file), f"{self.left():.1f}"]
        command += ["--rehearse"] if self.rehearse else []
        process = subprocess.Popen(
            command, env=dict(self.variables), stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=die_with_the_suite,
        )  # fmt: skip
        try:
            while (code := process.poll()) is None:
                if self.left() <= 0:
                    return "out of time"
                yield
        finally:
            with contextlib.suppress(ProcessLookupError):  # also the processes that it has started
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return {0: "finished", 1: "failed", 2: NO_DEVICE}.get(code, "crashed")

    def note_the_crash(self, log: Any) -> None:
        """Record an error for the row in which the process died, so that the next process leaves it out."""
        record = self.record()
        if record.get("trying"):
            error = f"the process died; its last output:\n{tail(log)}"
            record["rows"].append({"key": record.pop("trying"), "error": error})
        save(self.file, record)

    def record(self) -> dict[str, Any]:
        """Return the record in the file so far."""
        empty = {"stage": self.name, "rehearsal": self.rehearse, "limit": self.limit, "rows": []}
        return load(self.file) or empty


def tail(log: Any) -> str:
    """Return the end of a stage's output."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL))
    text: str = log.read().decode(errors="replace")
    return text


def run_all(names: Sequence[str], out: Path, seconds: float, variables: Mapping[str, str], rehearse: bool) -> bool:
    """Run all stages and print the summary, whatever happens; return whether there was no error.

    The main thread runs the stages in turns, so that a signal, which it receives, ends all of them in order.
    """
    end = time.monotonic() + seconds
    waiting = list(names)
    working: dict[Stage, Generator[None]] = {}
    finished: list[Stage] = []
    try:
        while waiting or working:
            while waiting and len(working) < (REHEARSED_AT_ONCE if rehearse else 1):
                shares = [STAGES[name] for name in waiting]
                limit = (end - time.monotonic()) * shares[0] / sum(shares)
                stage = Stage(waiting.pop(0), out, limit, variables, rehearse)
                working[stage] = stage.run()
            for stage in [stage for stage, work in working.items() if has_ended(work)]:
                del working[stage]
                finished.append(stage)
                record = stage.record()
                print(headline(record), flush=True)
                if record["status"] == NO_DEVICE:
                    print(NO_CUDA, file=sys.stderr)
                    waiting.clear()
            time.sleep(PAUSE)
    finally:
        for work in working.values():
            work.close()
        records = sorted((stage.record() for stage in (*finished, *working)), key=position)
        print(f"\n{summary(records)}", flush=True)
    return all(record["status"] == "finished" and not errors(record) for record in records)


def has_ended(work: Generator[None]) -> bool:
    """Let a stage look at its process; return whether the stage has ended."""
    for _ in work:
        return False
    return True


def position(record: Mapping[str, Any]) -> int:
    """Return the number of a record's stage."""
    return list(STAGES).index(record["stage"])


def errors(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows that failed."""
    return [row for row in record["rows"] if "error" in row]


def headline(record: Mapping[str, Any]) -> str:
    """Return a stage's outcome in one line."""
    rows, failed = record["rows"], len(errors(record))
    left_out = sum("left_out" in row for row in rows)
    parts = [f"{len(rows) - failed - left_out} rows", f"{failed} failed" if failed else ""]
    parts += [f"{left_out} left out" if left_out else "", f"{record.get('seconds', 0):.0f} s"]
    return f"{record['stage']:7} {record.get('status', 'stopped')}: {', '.join(filter(None, parts))}"


def summary(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the outcome of every stage, one line per row, and the last line of a stage's error."""
    lines = []
    for record in records:
        lines.append(headline(record))
        lines += [f"  {row['key']}: {row_summary(row)}" for row in record["rows"]]
        if record.get("traceback"):
            lines.append("  " + record["traceback"].strip().splitlines()[-1])
    return "\n".join(lines)


def row_summary(row: Mapping[str, Any]) -> str:
    """Return the values of a row, without lists and tables, or the end of its error."""
    if "error" in row:
        return "FAILED, " + str(row["error"]).strip().splitlines()[-1][:200]
    plain = {name: value for name, value in row.items() if name not in ("key", "seconds")}
    return ", ".join(f"{name} {short(value)}" for name, value in plain.items() if not isinstance(value, (list, dict)))


def short(value: Any) -> str:
    """Return a number with four digits, or a text of at most 60 characters."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)[:60]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite; return 0 if no stage and no row failed, else 1; after a signal, 128 plus its number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the JSON files")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, with tiny sizes")
    parser.add_argument("--seconds", type=float, default=480.0, help="for all stages together (default: 480)")
    parser.add_argument("--stages", default=",".join(STAGES), help="a,b (default: all)")
    carried = HERE / "carried"
    parser.add_argument("--wheels", type=Path, default=carried / "wheels", help="packages that may be missing")
    parser.add_argument("--data", type=Path, default=carried / "data", help="a folder that holds MNIST/raw")
    parser.add_argument("--commit", default="unknown", help="of this checkout, if git is not available")
    options = parser.parse_args(arguments)
    names = options.stages.split(",")
    if unknown := [name for name in names if name not in STAGES]:
        parser.error(f"--stages {unknown[0]}: known are {', '.join(STAGES)}")
    names.sort(key=list(STAGES).index)
    options.out.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, raise_pending_interrupt)
    site = Path(tempfile.mkdtemp(prefix="genzoo-gpu-"))
    try:
        wheels, data = (folder if folder.is_dir() else None for folder in (options.wheels, options.data))
        variables = environment(site, wheels, data) | {COMMIT: options.commit}
        if options.rehearse:
            variables.setdefault("OMP_NUM_THREADS", "1")  # two stages share the cores
        return int(not run_all(names, options.out, options.seconds, variables, options.rehearse))
    except Stopped as stopped:
        return 128 + int(stopped.args[0])
    finally:
        shutil.rmtree(site, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
