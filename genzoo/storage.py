"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from genzoo.errors import GenzooError


def user_cache() -> Path | None:
    """genzoo's folder in the user's cache, `$XDG_CACHE_HOME/genzoo` or `~/.cache/genzoo`, whether it exists or not;
    None for a user without a home."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(cache):  # the specification: relative ones are ignored
        return Path(cache) / "genzoo"
    try:
        return Path.home() / ".cache/genzoo"
    except RuntimeError:
        return None


def to_bytes(text: str) -> bytes:
    r"""A text as UTF-8. What Python makes of a byte of a file's name that is not UTF-8 is written as \udcff."""
    return text.encode("utf-8", "backslashreplace")


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file by way of a flushed temporary sibling and one rename. Its mode follows the umask."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        with open(temporary, "xb") as file:  # x: a link that lies there is not written through
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT)
        cure = "is the disk full? df -h" if full else f"may you write there? ls -ld {path.parent}"
        raise GenzooError(f"cannot write {path}: {error.strerror}", cure) from None
    finally:
        temporary.unlink(missing_ok=True)
