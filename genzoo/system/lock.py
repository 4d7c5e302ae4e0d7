"""A lock on a run folder: one process at a time writes to it. The lock ends with its process, however that ends.

The lock file also names its holder. So it is opened here, and `filelock` locks its descriptor: `filelock.FileLock`
opens the file itself, and in some versions empties it before it has the lock.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from genzoo.core.errors import GenzooError, UsageError

FILE = "lock"
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""Errors of file systems without locks. There no process is refused."""


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Lock a run folder and yield it.

    Raises:
        UsageError: Another process writes to the folder. The message has its number and host.
        GenzooError: The folder cannot be written to.
    """
    try:
        descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise GenzooError(f"cannot write to {folder}: {error.strerror}", "copy it to where you may write") from None
    try:
        take(descriptor, folder)
        yield folder
    finally:
        os.close(descriptor)


def is_free(folder: Path) -> bool:
    """Return whether no process writes to a folder: its lock could be had. A file system without locks has none."""
    from filelock import lock_descriptor

    try:
        descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # never locked, or not ours to lock
        return not (folder / FILE).exists()
    try:
        return bool(lock_descriptor(descriptor, blocking=False))
    except OSError as error:
        return error.errno not in NO_LOCKS
    finally:
        os.close(descriptor)


def host_of(folder: Path) -> str:
    """Return the host of the process that locked a folder last; "" if that is not known."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        return str(json.loads((folder / FILE).read_text(encoding="utf-8")[:1000])["host"])[:80]
    return ""


def take(descriptor: int, folder: Path) -> None:
    """Lock an open lock file and write into it which process holds it."""
    from filelock import lock_descriptor  # its import takes some 50 ms, and most commands lock nothing

    try:
        if not lock_descriptor(descriptor, blocking=False):
            raise UsageError(f"{folder} is being written by {holder(descriptor)}", "wait for its end, or stop it")
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)


def holder(descriptor: int) -> str:
    """Return who holds the lock, as "process 123 on this-host". Wait a moment for a holder that has just locked it."""
    for _ in range(10):
        with suppress(ValueError, KeyError, TypeError, RecursionError, OSError):
            content = json.loads(os.pread(descriptor, 1000, 0))
            return f"process {int(content['pid'])} on {str(content['host'])[:80]}"
        time.sleep(0.01)
    return "another process"
