"""One writer a run folder: a lock that ends with its process, however that ends."""

from __future__ import annotations

import errno
import fcntl
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
"""What file systems without locks say; there nobody is refused."""


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Inside, nobody else writes to the run folder, which it gives.

    Raises:
        UsageError: Another process is writing; its number and host are told.
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


def take(descriptor: int, folder: Path) -> None:
    """Takes the lock of an open lock file and leaves word of who has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"{folder} is being written by {holder(descriptor)}", "wait for its end, or stop it") from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)


def holder(descriptor: int) -> str:
    """Who has the lock, as "process 123 on this-host". Whoever took it just now is given time to say so."""
    for _ in range(10):
        with suppress(ValueError, KeyError, TypeError, RecursionError, OSError):
            said = json.loads(os.pread(descriptor, 1000, 0))
            return f"process {int(said['pid'])} on {str(said['host'])[:80]}"
        time.sleep(0.01)
    return "another process"
