"""What took long to compute, kept in the user's cache folder: verified when it is read, bounded, never needed.

An entry is a sealed file of tensors, named by the hash of everything it depends on. One that is damaged, foreign or
gone is computed anew. Files appear by one rename, so processes share the folder without locks. Where the disk is full
or cannot be written nothing is kept, and nothing is said: the next run computes again.
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

LARGEST_ENTRY = 1 << 29
"""Bytes of tensors; what is larger is not kept."""
LARGEST = 1 << 31
"""Bytes of all entries together; beyond it those go first that were not used for longest."""
ABANDONED = 3600.0
"""Seconds after which a temporary file is one that a killed process left."""


def folder() -> Path | None:
    """Return where the entries lie, whether it exists or not; None for a user without a home."""
    home = user_cache()
    return home and home / "computed"


def cached(kind: str, depends_on: Any, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return tensors from the cache, or compute and keep them.

    Args:
        kind: What they are, in a word that begins a file's name.
        depends_on: All that they follow from, as JSON: contents or their hashes, options, the algorithm's version.
            genzoo's version is added.
        compute: Makes the tensors, on the CPU.
    """
    found = read(kind, depends_on)
    if found is None:
        found = compute()
        keep(kind, depends_on, found)
    return found


def read(kind: str, depends_on: Any) -> dict[str, Tensor] | None:
    """Return the tensors of an entry; None if it is missing, damaged or another entry's."""
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
        os.utime(path)  # used just now
    return {name: tensor.clone() for name, tensor in tensors.items()}


def keep(kind: str, depends_on: Any, tensors: dict[str, Tensor]) -> None:
    """Keep tensors unless they are too large or the disk does not take them."""
    from genzoo.system.checksummed import write_sealed

    path, name = _entry(kind, depends_on)
    if path is None or sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) > LARGEST_ENTRY:
        return
    with suppress(GenzooError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(path, {name: tensor.contiguous() for name, tensor in tensors.items()}, {"entry": name})
        _bound(path.parent, path)


def clear() -> tuple[int, int]:
    """Remove all entries.

    Returns:
        How many files there were, and their bytes.

    Raises:
        GenzooError: One cannot be removed.
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
    """The file of an entry and its name."""
    content = json.dumps([__version__, kind, depends_on], sort_keys=True).encode()
    name, home = f"{kind}-{hashlib.sha256(content).hexdigest()}", folder()
    return home and home / f"{name}.safetensors", name


def _files(home: Path | None) -> list[tuple[float, int, Path]]:
    """Time of last use, bytes and path of every file of the cache."""
    found: list[tuple[float, int, Path]] = []
    if home is None:
        return found
    with suppress(OSError), os.scandir(home) as items:
        for item in items:
            with suppress(OSError):  # another process was faster
                if item.is_file(follow_symlinks=False):
                    stat = item.stat(follow_symlinks=False)
                    found.append((stat.st_mtime, stat.st_size, Path(item.path)))
    return found


def _bound(home: Path, newest: Path) -> None:
    """Remove what was not used for longest until the rest is small enough, and what killed processes left."""
    total = 0
    for used, size, path in sorted(_files(home), key=lambda file: (file[2] == newest, file[0]), reverse=True):
        if path.suffix == ".tmp":
            gone = time.time() - used > ABANDONED
        else:
            total += size
            gone = total > LARGEST and path != newest
        if gone:
            with suppress(OSError):
                path.unlink()
