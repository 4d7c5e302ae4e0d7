"""Atomic writes: a file is either complete or absent, and it is flushed to the disk."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from genzoo.core.errors import GenzooError

CHUNK = 1 << 20


class Pieces(Protocol):
    """The content of a file that is too large to assemble in memory, as an iterable of pieces."""

    def __len__(self) -> int:
        """Return the total number of bytes."""

    def __iter__(self) -> Iterator[memoryview]:
        """Yield the pieces. A piece is valid until the next one is requested."""


Content = bytes | Pieces


def user_cache() -> Path | None:
    """Return genzoo's folder in the user's cache: `$XDG_CACHE_HOME/genzoo`, `~/.cache/genzoo`, or below %LOCALAPPDATA%.

    The folder may not exist. None for a user without a home folder.
    """
    return _user_folder("XDG_CACHE_HOME", ".cache")


def user_config() -> Path | None:
    """Return genzoo's folder of settings, `$XDG_CONFIG_HOME/genzoo` or `~/.config/genzoo`; see `user_cache`."""
    return _user_folder("XDG_CONFIG_HOME", ".config")


def _user_folder(variable: str, below_home: str) -> Path | None:
    """Return genzoo's folder in the one that a variable names, or below the home folder."""
    folder = os.environ.get(variable, "")
    if os.path.isabs(folder):  # the XDG specification: ignore relative paths
        return Path(folder) / "genzoo"
    if os.name == "nt" and (folder := os.environ.get("LOCALAPPDATA", "")):
        return Path(folder) / "genzoo" / below_home.removeprefix(".")
    try:
        return Path.home() / below_home / "genzoo"
    except RuntimeError:
        return None


def to_bytes(text: str) -> bytes:
    r"""Encode a text as UTF-8. A surrogate (a byte of a file name that is not UTF-8) becomes \udcff."""
    return text.encode("utf-8", "backslashreplace")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file: a temporary file beside it is written, flushed and renamed. Its mode follows the umask.

    Raises:
        GenzooError: The file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        with open(temporary, "xb") as file:  # x: do not follow an existing link
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT)
        suggestion = "is the disk full? df -h" if full else f"may you write there? ls -ld {path.parent}"
        raise GenzooError(f"cannot write {path}: {error.strerror}", suggestion) from None
    finally:
        temporary.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Return whether a path is a temporary file of `write_atomically`, perhaps of a killed process."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def write_new(
    path: Path, content: Content, raise_pending_interrupt: Callable[[], None] = lambda: None
) -> tuple[int, str]:
    """Write a file that does not exist yet and flush it to the disk. Its mode follows the umask.

    Args:
        path: The file.
        content: What to write.
        raise_pending_interrupt: Called before each chunk; an exception from it ends the writing.

    Returns:
        The size in bytes, and the SHA-256.
    """
    size, digest = 0, hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        for chunk in chunks([memoryview(content)] if isinstance(content, bytes) else content):
            raise_pending_interrupt()
            digest.update(chunk)
            size += len(chunk)
            while chunk:
                chunk = chunk[os.write(descriptor, chunk) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return size, digest.hexdigest()


def chunks(pieces: Iterable[memoryview]) -> Iterator[memoryview]:
    """Yield the same bytes in chunks of at most CHUNK: join small pieces and split large ones."""
    small = bytearray()
    for piece in pieces:
        if len(small) + len(piece) <= CHUNK:
            small += piece
            continue
        if small:
            yield memoryview(small)
            small = bytearray()
        for start in range(0, len(piece), CHUNK):
            yield piece[start : start + CHUNK]
    if small:
        yield memoryview(small)


def sync_folder(folder: Path) -> None:
    """Flush the entries of a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
