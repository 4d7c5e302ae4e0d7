"""Answers to questions about the installed code, kept from one process to the next: so they need no import of torch.

Which options a model has is known once its class is imported, and with it torch, which takes seconds. So `genzoo info`,
each `--help` and what `genzoo compare` asks of metrics are worked out once for each state of the installed code. Files
hold JSON, never code. One that is damaged, unreadable or somebody else's is passed over and written anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import sysconfig
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from genzoo.core.errors import GenzooError
from genzoo.core.version import __version__
from genzoo.registry.current import HERE, registry
from genzoo.registry.entries import broken
from genzoo.system.atomic import user_cache, write_atomically
from genzoo.system.reading import open_regular

FOLDER = "answers"
"""In the user's cache."""
MOST = 256
"""Files that are kept; of more the oldest go."""
LARGEST = 1 << 22
"""Bytes of a file; the largest of genzoo's own have some ten thousand."""
DIGITS = 64
_began = time.time_ns()
_memory: dict[str, Any] = {}


def cached(question: Any, work_out: Callable[[], Any]) -> Any:
    """Return the answer to a question, from the user's cache if the installed code has not changed since.

    Once torch is imported nothing is saved by it, so the answer is then worked out. It is not kept where a plugin could
    not be imported, since another attempt may go well.

    Args:
        question: A JSON value that says all that the answer depends on, beside the installed code.
        work_out: Returns the answer, a JSON value.
    """
    if torch_is_imported() or any(entry.origin == HERE for entry in registry().entries):
        return work_out()
    asked = json.dumps([question, *_state()])
    if asked not in _memory:
        file = _file(asked)
        answer = _read(file)
        if answer is None:
            answer = [work_out()]
            _write(file, answer)
        _memory[asked] = answer[0]
    return _memory[asked]


def torch_is_imported() -> bool:
    """Whether this process has paid for the import already."""
    return "torch" in sys.modules


def _state() -> list[Any]:
    """What tells one state of the installed code from another, but for files that somebody edits."""
    return [sys.version, sys.path, __version__, _distributions(), list(map(repr, registry().entries))]


@cache
def _distributions() -> list[tuple[str, str, int]]:
    """Every installed package by its metadata, whose name has the version: folder, name and when it was installed."""
    found = []
    for folder in sys.path:
        with contextlib.suppress(OSError), os.scandir(folder or ".") as items:
            metadata = (item for item in items if item.name.endswith((".dist-info", ".egg-info", ".egg-link")))
            found += sorted((folder, item.name, item.stat().st_mtime_ns) for item in metadata)
    return found


def _sources() -> dict[str, list[int]]:
    """The files of modules that somebody may edit, with time and size: of plugins, and of what is not installed.

    Raises:
        OSError: One is gone.
    """
    targets = (entry.target for entry in registry().entries)
    names = (target if isinstance(target, str) else target.__module__ for target in targets)
    plugins = {"genzoo", *(name.partition(":")[0].partition(".")[0] for name in names)}
    installed = {folder for folder, name, _ in _distributions() if name.endswith(".dist-info")}
    others = tuple(str(Path(folder)) + os.sep for folder in (sysconfig.get_path("stdlib"), *installed))
    found = {}
    for name, module in list(sys.modules.items()):
        file = spec.origin if (spec := getattr(module, "__spec__", None)) and spec.has_location else None
        if file and (name.partition(".")[0] in plugins or not file.startswith(others)):
            found[os.path.abspath(file)] = _stamp(file)
    return found


def _stamp(file: str) -> list[int]:
    stat = os.stat(file)
    return [stat.st_mtime_ns, stat.st_size]


def _file(asked: str) -> Path | None:
    folder = user_cache()
    return folder and folder / FOLDER / f"{hashlib.sha256(asked.encode('utf-8', 'backslashreplace')).hexdigest()}.json"


def _read(file: Path | None) -> list[Any] | None:
    """Return a list with the answer in a file; None if the file is missing, damaged or out of date."""
    try:
        assert file is not None
        with open_regular(file) as opened:
            owned = os.fstat(opened.fileno()).st_uid == os.getuid()
            digest, content = opened.read(DIGITS), opened.read(LARGEST)
        if not owned or hashlib.sha256(content).hexdigest().encode() != digest:
            return None
        sources, answer = json.loads(content)
        return [answer] if all(_stamp(path) == stamp for path, stamp in sources.items()) else None
    except (AssertionError, OSError, ValueError, TypeError, AttributeError):
        return None


def _write(file: Path | None, answer: list[Any]) -> None:
    """Keeps an answer, where there is a place to, and what it rests on is what this process has imported."""
    if file is None or broken:
        return
    with contextlib.suppress(OSError, GenzooError, TypeError, ValueError):  # TypeError: no JSON value
        sources = _sources()
        if any(changed >= _began for changed, _ in sources.values()):
            return  # edited since they may have been imported
        content = json.dumps([sources, *answer]).encode()
        if len(content) <= LARGEST:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(file, hashlib.sha256(content).hexdigest().encode() + content)
            for old in sorted(file.parent.iterdir(), key=lambda path: -path.stat().st_mtime)[MOST:]:
                old.unlink()
