"""A cache of computed tensors in the user's cache folder: verified when read, bounded in size, never required.

An entry is a checksummed file of tensors, named by the hash of everything it depends on. A damaged, foreign or missing
entry is computed again. Files appear by one rename, so processes share the folder without locks. If the disk is full or
read-only, nothing is cached and no message appears.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError
from genzoo.core.version import __version__
from genzoo.system.atomic import user_cache

if TYPE_CHECKING:
    from torch import Tensor

MAX_ENTRY_BYTES = 1 << 29
"""Larger entries are not cached."""
MAX_BYTES = 1 << 31
"""Limit for all entries together; beyond it the least recently used ones are removed."""
ABANDONED = 3600.0
"""Seconds after which a temporary file must be left from a killed process."""


def folder() -> Path | None:
    """Return the folder of the entries, which may not exist; None for a user without a home folder."""
    home = user_cache()
    return home and home / "computed"


def cached(kind: str, depends_on: Any, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return tensors from the cache, or compute and cache them.

    Args:
        kind: One word for what they are; the file name begins with it.
        depends_on: Everything they depend on, as JSON: contents or their hashes, options, the algorithm's version.
            genzoo's version is added.
        compute: Returns the tensors, on the CPU.
    """
    tensors = read(kind, depends_on)
    if tensors is None:
        tensors = compute()
        write(kind, depends_on, tensors)
    return tensors


def read(kind: str, depends_on: Any) -> dict[str, Tensor] | None:
    """Return the tensors of an entry; None if it is missing, damaged or belongs to another entry."""
    from genzoo.system.checksummed import read_sealed

    path, name = _entry(kind, depends_on)
    if path is None:
        return None
    try:
        description, tensors = read_sealed(path)
    except (GenzooError, RuntimeError):  # safetensors' own error for a file that another process has just removed
        return None
    if description.get("entry") != name:
        return None
    with suppress(OSError):
        os.utime(path)  # the time of its last use
    return {name: tensor.clone() for name, tensor in tensors.items()}


def write(kind: str, depends_on: Any, tensors: dict[str, Tensor]) -> None:
    """Cache tensors, unless they are too large or cannot be written."""
    from genzoo.system.checksummed import write_sealed
    from genzoo.system.memory import bytes_of

    path, name = _entry(kind, depends_on)
    if path is None or bytes_of(tensors.values()) > MAX_ENTRY_BYTES:
        return
    with suppress(GenzooError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(path, {name: tensor.contiguous() for name, tensor in tensors.items()}, {"entry": name})
        _remove_surplus(path.parent, path)


def clear() -> tuple[int, int]:
    """Remove all entries.

    Returns:
        The number of files removed, and their bytes.

    Raises:
        GenzooError: A file cannot be removed.
    """
    count = size = 0
    for _, length, path in _files(folder()):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise GenzooError(f"cannot remove {path}: {error.strerror}", f"rm -r {path.parent}") from None
        count, size = count + 1, size + length
    return count, size


def _entry(kind: str, depends_on: Any) -> tuple[Path | None, str]:
    """Return the file of an entry, and its name."""
    content = json.dumps([__version__, kind, depends_on], sort_keys=True).encode()
    name, home = f"{kind}-{hashlib.sha256(content).hexdigest()}", folder()
    return home and home / f"{name}.safetensors", name


def _files(home: Path | None) -> list[tuple[float, int, Path]]:
    """Return time of last use, bytes and path of every file of the cache."""
    found: list[tuple[float, int, Path]] = []
    if home is None:
        return found
    with suppress(OSError), os.scandir(home) as items:
        for item in items:
            with suppress(OSError):  # another process has just removed it
                if item.is_file(follow_symlinks=False):
                    stat = item.stat(follow_symlinks=False)
                    found.append((stat.st_mtime, stat.st_size, Path(item.path)))
    return found


def _remove_surplus(home: Path, newest: Path) -> None:
    """Remove the least recently used files until the rest is small enough, and temporary files of killed processes."""
    total = 0
    for used, size, path in sorted(_files(home), key=lambda file: (file[2] == newest, file[0]), reverse=True):
        if path.suffix == ".tmp":
            surplus = time.time() - used > ABANDONED
        else:
            total += size
            surplus = total > MAX_BYTES and path != newest
        if surplus:
            with suppress(OSError):
                path.unlink()
