"""A cache of answers computed from the installed code, so that they need no import of torch.

The options of a model are known only after its class, and with it torch, is imported, which takes seconds. So the
output of `genzoo info` and of each `--help`, and what `genzoo compare` needs of metrics, are computed once for each
state of the installed code. Files hold JSON, never code. A damaged, unreadable or foreign file is replaced.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import operator
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
from genzoo.registry.discovery import plugins
from genzoo.registry.entries import Entry, broken
from genzoo.system.atomic import user_cache, write_atomically
from genzoo.system.reading import open_regular

FOLDER = "answers"
"""The folder in the user's cache."""
MAX_FILES = 256
"""Beyond it the oldest files are removed."""
MAX_BYTES = 1 << 22
"""Limit for one file; the largest of the built-in plugins have about ten thousand bytes."""
DIGITS = 64
_began = time.time_ns()
_memory: dict[str, Any] = {}
_described: tuple[list[Entry], list[str]] = [], []


def cached(question: Any, compute: Callable[[], Any]) -> Any:
    """Return the answer to a question, from the user's cache if the installed code has not changed.

    If torch was imported before the first question, the cache saves nothing and the answer is computed. If a plugin
    could not be imported, the answer is not cached, because the next import may succeed.

    Args:
        question: A JSON value with everything that the answer depends on, apart from the installed code.
        compute: Returns the answer, a JSON value.
    """
    if not saves_time() or any(entry.origin == HERE for entry in registry().entries):
        return compute()
    key = json.dumps([question, *_state()])
    if key not in _memory:
        file = _file(key)
        answer = _read(file)
        if answer is None:
            answer = [compute()]
            _write(file, answer)
        _memory[key] = answer[0]
    return _memory[key]


def remember(question: Any, answer: Any) -> None:
    """Store an answer that was not computed by `cached`, for as long as the installed code does not change."""
    if not any(entry.origin == HERE for entry in registry().entries):
        _write(_file(json.dumps([question, *_state()])), [answer])


def recalled(question: Any) -> Any:
    """Return the answer that `remember` stored; None if there is none, or the installed code has changed."""
    return (_read(_file(json.dumps([question, *_state()]))) or [None])[0]


def saves_time() -> bool:
    """Return whether a cached answer saves an import of torch, in this process or, if an answer here took it, later."""
    return bool(_memory) or not torch_is_imported()


def torch_is_imported() -> bool:
    """Return whether this process has already imported torch."""
    return "torch" in sys.modules


def _state() -> list[Any]:
    """Return what identifies the state of the installed code, apart from files that may be edited."""
    entries = _entries()  # finds the plugins, if nothing has before
    cards = [(str(file), _stamp(str(file))) for plugin in plugins if (file := plugin.cards)]
    return [sys.version, sys.path, __version__, _distributions(), entries, cards]


def _entries() -> list[str]:
    """Return the text of every entry, made anew only after the registry has changed: it takes milliseconds."""
    global _described
    now = registry().entries
    if len(now) != len(_described[0]) or not all(map(operator.is_, now, _described[0])):
        _described = list(now), list(map(repr, now))
    return _described[1]


@cache
def _distributions() -> list[tuple[str, str, int]]:
    """Return folder, name (with the version) and time of the metadata of every installed package."""
    found = []
    for folder in sys.path:
        with contextlib.suppress(OSError), os.scandir(folder or ".") as items:
            metadata = (item for item in items if item.name.endswith((".dist-info", ".egg-info", ".egg-link")))
            found += sorted((folder, item.name, item.stat().st_mtime_ns) for item in metadata)
    return found


def _sources() -> dict[str, list[int]]:
    """Return time and size of the source files that may be edited: of plugins, and of modules that are not installed.

    Raises:
        OSError: A file no longer exists.
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


def _file(key: str) -> Path | None:
    folder = user_cache()
    return folder and folder / FOLDER / f"{hashlib.sha256(key.encode('utf-8', 'backslashreplace')).hexdigest()}.json"


def _read(file: Path | None) -> list[Any] | None:
    """Return a list with the answer in a file; None if the file is missing, damaged or out of date."""
    try:
        assert file is not None
        with open_regular(file) as opened:
            owned = os.fstat(opened.fileno()).st_uid == os.getuid()
            digest, content = opened.read(DIGITS), opened.read(MAX_BYTES)
        if not owned or hashlib.sha256(content).hexdigest().encode() != digest:
            return None
        sources, answer = json.loads(content)
        return [answer] if all(_stamp(path) == stamp for path, stamp in sources.items()) else None
    except (AssertionError, OSError, ValueError, TypeError, AttributeError):
        return None


def _write(file: Path | None, answer: list[Any]) -> None:
    """Cache an answer, unless there is no cache folder, a plugin is broken, or a source file may have changed."""
    if file is None or broken:
        return
    with contextlib.suppress(OSError, GenzooError, TypeError, ValueError):  # TypeError: no JSON value
        sources = _sources()
        if any(changed >= _began for changed, _ in sources.values()):
            return  # perhaps edited after it was imported
        content = json.dumps([sources, *answer]).encode()
        if len(content) <= MAX_BYTES:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(file, hashlib.sha256(content).hexdigest().encode() + content)
            for old in sorted(file.parent.iterdir(), key=lambda path: -path.stat().st_mtime)[MAX_FILES:]:
                old.unlink()
