"""The lock on a run folder: one process at a time writes to it."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from genzoo.core.errors import GenzooError, UsageError
from genzoo.system.lock import locked

HOLD = """
import sys
from pathlib import Path
from genzoo.system.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_refused_and_named_until_it_ends(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    with pytest.raises(UsageError) as error, locked(tmp_path):
        pass
    assert error.value.message == f"{tmp_path} is being written by process {process.pid} on {socket.gethostname()}"
    assert error.value.hint
    process.kill()
    process.communicate(timeout=60)
    with locked(tmp_path):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def test_on_a_file_system_without_locks_no_process_is_refused(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("filelock.lock_descriptor", refuse)
    with locked(tmp_path), locked(tmp_path):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()


def test_a_lock_file_with_other_content_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("[" * 2000)
    with locked(tmp_path), pytest.raises(UsageError), locked(tmp_path):
        pass
    with locked(tmp_path):
        (tmp_path / "lock").write_bytes(b"\xff")
        with pytest.raises(UsageError, match="by another process"), locked(tmp_path):
            pass


@pytest.mark.parametrize("number", [13, 30], ids=["no right", "read-only file system"])
def test_where_nothing_can_be_written(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(GenzooError) as error, locked(tmp_path):
        pass
    assert error.value.message == f"cannot write to {tmp_path}: {os.strerror(number)}"
