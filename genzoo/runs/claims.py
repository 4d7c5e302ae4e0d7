"""Claims: any number of processes share the work of a folder, and no piece of it is done twice.

A piece of work has a folder, FOLDER/claims/KEY, and each time that it is taken adds a numbered one to it:

    claims/KEY/1/holder.json     {"host": …, "pid": …, "status": "released", "notes": {"run": "vae-digits-…"}}
    claims/KEY/2/holder.json     {"host": …, "pid": …, "status": "held", …}

The highest number counts. `mkdir` of the next one is atomic, on network file systems too, so one process wins it;
nothing is ever removed or renamed, so none can take away what another has just taken. A holder touches its file every
`BEAT` seconds. One that is silent for `SILENCE` seconds has lost its claim, as has one on this machine whose process
has ended. Times are those of the file system, so clocks need not agree.
"""

from __future__ import annotations

import _thread
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from genzoo.core.errors import GenzooError, UsageError
from genzoo.system.atomic import to_bytes, write_atomically
from genzoo.system.reading import parse_json, read_text
from genzoo.system.streams import tell

BEAT = 10.0
"""Seconds between two signs of life."""
SILENCE = 120.0
"""Seconds without a sign of life after which a claim can be taken over. Network file systems show a change of another
machine after up to 60 seconds."""
FOLDER = "claims"
HOLDER = "holder.json"
HELD, RELEASED, DONE, FAILED = "held", "released", "done", "failed"


@dataclass(frozen=True)
class State:
    """What is known of a piece of work."""

    number: int = 0
    """How often it was taken."""
    status: str = RELEASED
    """`HELD` by a living process, `RELEASED` or never taken, `DONE`, or `FAILED`."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What its holders noted for those who come after them."""
    holder: str = ""
    """Such as "process 123 on this-host"."""


class Claim:
    """A piece of work that this process has taken.

    Args:
        folder: Its own numbered folder, which this process has made.
        notes: Those of the holder before.
    """

    def __init__(self, folder: Path, notes: Mapping[str, str]) -> None:
        self.folder = folder
        self.notes = dict(notes)
        self._ended = threading.Event()
        self._write(HELD)
        self._thread = threading.Thread(target=self._beat, name="genzoo-claim", daemon=True)
        self._thread.start()

    def note(self, **notes: str) -> None:
        """Add notes, for who takes it over."""
        self.notes |= notes
        self._write(HELD)

    def end(self, status: str, **notes: str) -> None:
        """Give it up, as `RELEASED`, `DONE` or `FAILED`. Nothing happens if it was given up before."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join()
        self.notes |= notes
        with suppress(GenzooError):  # others find it silent, and what was made beside it
            self._write(status)

    def _write(self, status: str) -> None:
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "machine": machine(), "began": began(os.getpid())}
        text = json.dumps({**holder, "status": status, "notes": self.notes})
        write_atomically(self.folder / HOLDER, to_bytes(text + "\n"))

    def _beat(self) -> None:
        successor = self.folder.with_name(str(int(self.folder.name) + 1))
        while not self._ended.wait(BEAT):
            with suppress(OSError):
                os.utime(self.folder / HOLDER)
            if successor.exists():
                tell(f"genzoo: silent for {SILENCE:.0f} s, this process lost its work to another one: {self.folder}")
                _thread.interrupt_main(signal.SIGTERM)
                return


class Claims:
    """The claims of the processes that share a folder.

    Args:
        folder: The folder; it is made with the first claim.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER

    def state(self, key: str) -> State:
        """Return what is known of a piece of work, without taking it."""
        number = last_number(self.folder / key)
        if not number:
            return State()
        folder = self.folder / key / str(number)
        holder = read_holder(folder)
        status, notes = holder.get("status", HELD), holder.get("notes")
        if status == HELD and not is_alive(folder, holder):
            status = RELEASED
        who = f"process {holder.get('pid', '?')} on {str(holder.get('host', 'another host'))[:80]}"
        plain = {str(name): str(text) for name, text in notes.items()} if isinstance(notes, dict) else {}
        return State(number, str(status), plain, who)

    @contextmanager
    def taken(self, key: str, after: State) -> Iterator[Claim | None]:
        """Take a piece of work, and release it at the end unless it was ended otherwise; yield None if it is lost.

        Args:
            key: What the piece is called.
            after: The state in which it can be taken. Another process that saw the same state may be faster.

        Raises:
            UsageError: The folder cannot be written to.
        """
        folder = self.folder / key / str(after.number + 1)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except FileExistsError:
            yield None
            return
        except OSError as error:
            raise UsageError(f"cannot make {folder}: {error.strerror}", "choose another: --runs FOLDER") from None
        claim = Claim(folder, after.notes)
        try:
            yield claim
        finally:
            claim.end(RELEASED)


def last_number(folder: Path) -> int:
    """Return the highest number of a folder's claims; 0 if there is none."""
    try:
        return max((int(name) for name in os.listdir(folder) if name.isdecimal()), default=0)
    except OSError:
        return 0


def read_holder(folder: Path) -> dict[str, Any]:
    """Return what the holder of a claim wrote; {} if it has not, or if that is damaged."""
    try:
        values = parse_json(read_text(folder / HOLDER))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def is_alive(folder: Path, holder: Mapping[str, Any]) -> bool:
    """Return whether the holder of a claim is at work. Before it has written anything, it is judged by its folder."""
    pid = holder.get("pid")
    if holder.get("machine") == machine() and isinstance(pid, int):
        now = began(pid)
        if now is None or now != holder.get("began"):
            return False
    return age(folder / HOLDER if holder else folder) < SILENCE


def age(path: Path) -> float:
    """Return the seconds since a file was touched, by the clock of its file system; 0 if that cannot be known."""
    probe = path.parent / f".now.{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}"
    try:
        touched = path.stat().st_mtime
        probe.touch()
        return probe.stat().st_mtime - touched
    except OSError:
        return 0.0
    finally:
        with suppress(OSError):
            probe.unlink()


@cache
def machine() -> str:
    """Return a text that is the same in all processes that see each other's numbers: host, start, and namespace."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def began(pid: int) -> str | None:
    """Return when a process of this machine began, as a text; "" if the system does not tell, None if it has ended."""
    if sys.platform == "win32":  # where the signal 0 is Ctrl-C
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except (OSError, OverflowError):  # it belongs to another user
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return None if fields[0] in "ZX" else fields[19]
