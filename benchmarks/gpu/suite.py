"""All that is to be measured on a GPU, in one command of at most eight minutes.

    python benchmarks/gpu/suite.py --out FOLDER
    python benchmarks/gpu/suite.py --out FOLDER --stages modes,speed
    python benchmarks/gpu/suite.py --out FOLDER --rehearse        the same on a CPU with tiny sizes, under a minute

Needs neither a network nor an installed genzoo: packages that are missing come from the folder that prepare.py makes.
Stages run in order of importance, each in a process of its own and with a limit of its own. Each writes its JSON file
after every row, so nothing that was measured is lost when a stage fails, crashes or is killed, or when the suite is.
Time that a stage leaves over is the next one's. A summary is printed at the end, and on SIGTERM and Ctrl-C.
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "stage.py"
sys.path.insert(0, str(HERE))

from place import environment  # noqa: E402
from records import COMMIT, load, save  # noqa: E402

STAGES = {"models": 70, "modes": 55, "speed": 120, "peers": 95, "zoo": 60, "cards": 30, "safety": 50}
"""Their shares of the time, in the order in which they run; what they do: benchmarks/README.md."""
NO_DEVICE = "no device"
RESTARTS = 5
"""How often a stage whose process has crashed goes on with its next row."""
PR_SET_PDEATHSIG = 1  # of prctl.h
TAIL = 4000
"""Characters of a stage's last output that are kept."""


class Stopped(BaseException):
    """The suite was told to end."""


def raise_pending_interrupt(number: int, frame: FrameType | None) -> None:
    """Handle SIGTERM and Ctrl-C: the first one ends the suite in order, others change nothing."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)


def die_with_the_suite() -> None:
    """Have Linux kill the process that calls this, a stage's, when the suite ends in whatever way."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Stage:
    """One stage: its process, its limit and its file.

    Args:
        name: One of STAGES.
        out: The folder of its JSON file.
        limit: Seconds it may take.
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

    def run(self) -> dict[str, Any]:
        """Run it, restart it after crashes, and return its record, which is in its file too."""
        self.file.unlink(missing_ok=True)
        with tempfile.TemporaryFile() as log:
            status = "stopped"
            try:
                for _ in range(RESTARTS + 1):
                    status = self.attempt(log)
                    if status != "crashed" or self.left() < 5:
                        break
                    self.note_the_crash(log)
            finally:
                record = self.record() | {"status": status, "seconds": time.monotonic() - self.start}
                log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL))
                record["output"] = log.read().decode(errors="replace")
                save(self.file, record)
        return record

    def left(self) -> float:
        """Return the seconds that are left to it."""
        return self.limit - (time.monotonic() - self.start)

    def attempt(self, log: Any) -> str:
        """Run its process once; return how it ended: "finished", "failed", "crashed", "out of time" or NO_DEVICE."""
        command = [sys.executable, str(PROGRAM), self.name, str(self.file), f"{self.left():.1f}"]
        command += ["--rehearse"] if self.rehearse else []
        process = subprocess.Popen(
            command, env=dict(self.variables), stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=die_with_the_suite,
        )  # fmt: skip
        try:
            code = process.wait(max(self.left(), 0.0))
        except subprocess.TimeoutExpired:
            return "out of time"
        finally:
            with contextlib.suppress(ProcessLookupError):  # the processes it has started too
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return {0: "finished", 1: "failed", 2: NO_DEVICE}.get(code, "crashed")

    def note_the_crash(self, log: Any) -> None:
        """Give the row that a process died in an error, so that the next process leaves it out."""
        record = self.record()
        if record.get("trying"):
            log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL))
            said = log.read().decode(errors="replace")
            record["rows"].append({"key": record.pop("trying"), "error": f"the process died; it said last:\n{said}"})
        save(self.file, record)

    def record(self) -> dict[str, Any]:
        """Return what its file holds so far."""
        empty = {"stage": self.name, "rehearsal": self.rehearse, "limit": self.limit, "rows": []}
        return load(self.file) or empty


def run_all(names: Sequence[str], out: Path, seconds: float, variables: Mapping[str, str], rehearse: bool) -> bool:
    """Run stages one after the other and print the summary, whatever happens; return whether none had an error."""
    end = time.monotonic() + seconds
    records: list[dict[str, Any]] = []
    try:
        for number, name in enumerate(names):
            shares = [STAGES[later] for later in names[number:]]
            limit = (end - time.monotonic()) * shares[0] / sum(shares)
            stage = Stage(name, out, limit, variables, rehearse)
            try:
                records.append(stage.run())
            except BaseException:
                records.append(stage.record())
                raise
            print(headline(records[-1]), flush=True)
            if records[-1]["status"] == NO_DEVICE:
                print("torch sees no CUDA device here; to try the suite on the CPU, add --rehearse", file=sys.stderr)
                break
    finally:
        print(f"\n{summary(records)}", flush=True)
    return all(record["status"] == "finished" and not errors(record) for record in records)


def errors(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows that failed."""
    return [row for row in record["rows"] if "error" in row]


def headline(record: Mapping[str, Any]) -> str:
    """Return a stage's outcome in a line."""
    rows, failed = record["rows"], len(errors(record))
    left_out = sum("left_out" in row for row in rows)
    parts = [f"{len(rows) - failed - left_out} rows", f"{failed} failed" if failed else ""]
    parts += [f"{left_out} left out" if left_out else "", f"{record.get('seconds', 0):.0f} s"]
    return f"{record['stage']:7} {record.get('status', 'stopped')}: {', '.join(filter(None, parts))}"


def summary(records: Sequence[Mapping[str, Any]]) -> str:
    """Return every stage's outcome, its rows in a line each, and the last line of what went wrong."""
    lines = []
    for record in records:
        lines.append(headline(record))
        lines += [f"  {row['key']}: {told(row)}" for row in record["rows"]]
        if record.get("traceback"):
            lines.append("  " + record["traceback"].strip().splitlines()[-1])
    return "\n".join(lines)


def told(row: Mapping[str, Any]) -> str:
    """Return a row's single figures, or the end of its error."""
    if "error" in row:
        return "FAILED, " + row["error"].strip().splitlines()[-1][:200]
    plain = {name: value for name, value in row.items() if name not in ("key", "seconds")}
    return ", ".join(f"{name} {short(value)}" for name, value in plain.items() if not isinstance(value, (list, dict)))


def short(value: Any) -> str:
    """Return a figure with four digits, or a text of at most 60 characters."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)[:60]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite; return 0 if no stage and no row failed, else 1, or 128 and the signal that ended it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the JSON files")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, with tiny sizes")
    parser.add_argument("--seconds", type=float, default=480.0, help="for all stages together (default: 480)")
    parser.add_argument("--stages", default=",".join(STAGES), help="a,b (default: all)")
    carried = HERE / "carried"
    parser.add_argument("--wheels", type=Path, default=carried / "wheels", help="packages that may be missing")
    parser.add_argument("--data", type=Path, default=carried / "data", help="a folder that holds MNIST/raw")
    parser.add_argument("--commit", default="unknown", help="of this checkout, where git is not here to tell")
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
        return int(not run_all(names, options.out, options.seconds, variables, options.rehearse))
    except Stopped as stopped:
        return 128 + int(stopped.args[0])
    finally:
        shutil.rmtree(site, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
