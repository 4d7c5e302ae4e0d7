"""What can be said of a run folder without its model or its plugins: status, age, size, tags. And tidying up."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.listener import INTERRUPTED, STOPPED, UNLIMITED
from genzoo.runs.checkpoints import discard
from genzoo.runs.record import former_record, last_session, total_seconds
from genzoo.runs.run import CHECKPOINTS, FAILED, FINISHED, RUNNING, Run, has_no_record_yet, read_json, was_killed
from genzoo.runs.schema import is_count, is_number
from genzoo.system import lock

LABELS_FILE = "labels.json"
DEPTH = 3
"""How deep runs lie in a folder of sweeps: bench/digits/vae-0."""
KILLED, DAMAGED = "killed", "damaged"
STATUSES = (RUNNING, FINISHED, INTERRUPTED, STOPPED, KILLED, FAILED, DAMAGED)


@dataclass(frozen=True)
class Overview:
    """A run as its files tell it; a damaged file leaves out what is in it."""

    run: Run

    @cached_property
    def record(self) -> dict[str, Any]:
        """The record, {} if it cannot be read."""
        return former_record(self.run)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration as JSON values, {} if it cannot be read."""
        try:
            return self.run.plain_config
        except GenzooError:
            return {}

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """The epochs, [] if they cannot be read."""
        try:
            return self.run.history
        except GenzooError:
            return []

    @cached_property
    def status(self) -> str:
        """One of `STATUSES`. A run whose process has ended without saying so was killed."""
        status = RUNNING if has_no_record_yet(self.run.path) else self.record.get("status")
        if not isinstance(status, str) or not self.config:
            return DAMAGED
        if was_killed(self.run.path, status):
            return KILLED
        return status.partition(":")[0]

    @property
    def reason(self) -> str:
        """Why the run failed; "" if it did not."""
        return str(self.record.get("status", "")).partition(": ")[2]

    @property
    def state(self) -> str:
        """The status, with the reason of a failure."""
        return f"{self.status}: {self.reason}" if self.reason else self.status

    def name_of(self, part: str) -> str:
        """Return the name of its "model", "loss" or "data"."""
        section = self.config.get(part)
        return str(section.get("name", "")) if isinstance(section, dict) else ""

    @property
    def started(self) -> float:
        """When it was started, in seconds since 1970; 0 if that is not known."""
        started = self.record.get("started")
        if is_number(started):
            return float(started)
        return (self.run.path / "config.json").stat().st_mtime if has_no_record_yet(self.run.path) else 0.0

    @property
    def seconds(self) -> float:
        """The duration of all its sessions, of one that was killed that of its epochs; 0 if that is not known."""
        try:
            return total_seconds(self.record, self.history, self.status == RUNNING)
        except (KeyError, TypeError, ValueError, IndexError):
            return 0.0

    @property
    def epochs(self) -> tuple[int, int]:
        """The number of epochs done, and of those asked for; 0 if that is not known, or unlimited."""
        training = self.config.get("training")
        of_config = training.get("epochs") if isinstance(training, dict) else 0
        asked = last_session(self.record).get("epochs") or of_config
        done = self.history[-1].get("epoch") if self.history else 0
        return known_count(done), known_count(asked) if asked != UNLIMITED else 0

    @property
    def progress(self) -> str:
        """The epochs done and asked for, such as "3/10"."""
        done, asked = self.epochs
        return f"{done}/{asked}" if asked else str(done)

    @property
    def loss(self) -> float | None:
        """The loss of the last epoch, on validation data if there are any; None before the first one."""
        for split in ("validation", "train"):
            terms = self.history[-1].get(split) if self.history else None
            if isinstance(terms, dict) and is_number(terms.get("loss")):
                return float(terms["loss"])
        return None

    @cached_property
    def labels(self) -> dict[str, Any]:
        """Its "tags", a list, and its "note", a text."""
        try:
            values = read_json(self.run.path / LABELS_FILE)
        except GenzooError:
            values = {}
        tags = values.get("tags")
        return {
            "tags": sorted({str(tag) for tag in tags}) if isinstance(tags, list) else [],
            "note": str(values.get("note", "")),
        }

    @cached_property
    def size(self) -> int:
        """The bytes of all its files."""
        return size_of(self.run.path)

    @cached_property
    def checkpoints(self) -> int:
        """The bytes of its checkpoints."""
        return size_of(self.run.path / CHECKPOINTS)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        done, asked = self.epochs
        return {
            "run": str(self.run.path),
            "status": self.status,
            "reason": self.reason,
            **{part: self.name_of(part) for part in ("model", "loss", "data")},
            "started": self.started,
            "seconds": self.seconds,
            "epochs": done,
            "epochs_asked": asked,
            "last_loss": self.loss,
            "bytes": self.size,
            "bytes_of_checkpoints": self.checkpoints,
            **self.labels,
        }


def differing_options(one: Overview, other: Overview) -> dict[str, list[Any]]:
    """Return the options in which two runs differ, by their paths: {"training.lr": [0.001, 0.01]}."""
    first, second = flat(one.config), flat(other.config)
    pairs = {name: [first.get(name), second.get(name)] for name in {**first, **second}}
    return {name: values for name, values in pairs.items() if values[0] != values[1]}


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return nested values with their paths: {"training.lr": 0.001}."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{above}{name}.") if isinstance(value, dict) else {f"{above}{name}": value}
    return found


def known_count(value: object) -> int:
    """Return a count that a file tells; 0 if it is none."""
    return value if isinstance(value, int) and is_count(value) else 0


def runs_in(places: Iterable[Path]) -> list[Overview]:
    """Return all runs in folders, each a run, a folder of runs or one of sweeps; the newest first."""
    found = {path.resolve(): Overview(Run(path)) for path in run_folders(places)}
    return sorted(found.values(), key=lambda one: (one.started, str(one.run.path)), reverse=True)


def run_folders(places: Iterable[Path]) -> list[Path]:
    """Return the folders of all runs in folders, each a run, a folder of runs or one of sweeps; each once."""
    found = [path for place in places for path in _folders(place, DEPTH)]
    return list({os.path.realpath(path): path for path in reversed(found)}.values())[::-1]


def runs_beside(root: Path) -> list[Path]:
    """Return the runs that stand beside a folder of runs, as `--out NAME` makes them in the folder of a project."""
    try:
        found = sorted(root.parent.iterdir())
    except OSError:
        return []
    return [path for path in found if is_run(path)]


def is_run(path: Path) -> bool:
    """Return whether a folder of any kind is that of a run."""
    return (path / "config.json").is_file() and ((path / "run.json").is_file() or has_no_record_yet(path))


def _folders(place: Path, depth: int) -> Iterator[Path]:
    """Yield the run folders in a folder, down to a depth; what is inside a run is its own."""
    if (place / "config.json").is_file():
        yield place
    elif depth:
        with suppress(OSError):
            for inside in sorted(path for path in place.iterdir() if path.is_dir() and not path.is_symlink()):
                yield from _folders(inside, depth - 1)


def size_of(path: Path) -> int:
    """Return the bytes of all files of a folder; links are not followed."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def label(run: Run, add: Iterable[str] = (), remove: Iterable[str] = (), note: str | None = None) -> dict[str, Any]:
    """Change the tags and the note of a run, and return them."""
    before = Overview(run).labels
    tags = sorted(({*before["tags"]} | {*add}) - {*remove})
    labels = {"tags": tags, "note": before["note"] if note is None else note}
    run.write(LABELS_FILE, labels)
    return labels


def refuse_in_use(run: Run) -> None:
    """Refuse to remove what a process is writing.

    Raises:
        UsageError: The run is in use; the message has the process.
    """
    with lock.locked(run.path):
        pass


def users_of(run: Run, others: Iterable[Overview]) -> list[Path]:
    """Return the runs whose options name a run, such as a second stage trained on its codes."""
    mark = f"{os.path.abspath(run.path)}@"
    return [other.run.path for other in others if other.run.path != run.path and mark in repr(other.config)]


def remove(run: Run) -> int:
    """Remove a run folder and return its bytes; a crash never leaves half of it.

    Raises:
        UsageError: A process is writing to it, or it cannot be removed.
    """
    refuse_in_use(run)
    size = size_of(run.path)
    try:
        discard(run.path)
    except OSError as error:
        raise UsageError(f"cannot remove {run.path}: {error.strerror}", f"ls -ld {run.path.parent}") from None
    return size


def remove_checkpoints(run: Run) -> int:
    """Remove the checkpoints of a run and return their bytes.

    Raises:
        UsageError: A process is writing to it.
    """
    with lock.locked(run.path):
        size = size_of(run.path / CHECKPOINTS)
        shutil.rmtree(run.path / CHECKPOINTS, ignore_errors=True)
        return size - size_of(run.path / CHECKPOINTS)
