"""Checkpoints on disk: each is a folder that is either whole or not there, and says so by itself.

    checkpoints/step-000000120/model.safetensors  optimizer.safetensors  …  manifest.json

A save writes a temporary sibling, every file flushed to the disk, then the manifest with the size and the SHA-256 of
each of them and of itself, and publishes all by one rename. What was there before is removed only afterwards. Whatever
ends the process in between, or the machine, leaves the former checkpoint as it was.

Nothing here knows what is saved: files are bytes, and `facts` is JSON. Threads may save, one at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from genzoo.core.errors import GenzooError
from genzoo.system.atomic import Content, sync_folder, to_bytes, write_new

FORMAT = 1
KEEP = 2
"""The newest and the one before it, should the newest be damaged."""
MANIFEST = "manifest.json"
MAX_MANIFEST = 1 << 20
FOLDER = re.compile(r"step-(\d{9,18})")
FILE = re.compile(r"[a-z][a-z0-9_-]{0,40}\.[a-z]{1,16}")
LEFT_OVER = (".tmp-", ".del-")

T = TypeVar("T")
Read = Callable[[str], bytes]


class Damaged(GenzooError):
    """A checkpoint that is not what was written; the message begins with its path."""


@dataclass(frozen=True)
class Checkpoint:
    """A published checkpoint whose manifest is whole."""

    path: Path
    step: int
    facts: dict[str, Any]
    files: dict[str, tuple[int, str]]
    """Size and SHA-256 by name."""

    def read(self, name: str) -> bytes:
        """The content of one file, which is what was written.

        Raises:
            Damaged: It is not.
        """
        path = self.path / name
        if name not in self.files:
            raise Damaged(f"{path}: there is no such file in this checkpoint")
        size, expected = self.files[name]
        content = read_regular(path, size)
        found = hashlib.sha256(content).hexdigest()
        if found != expected:
            raise Damaged(f"{path} is damaged: SHA-256 {found[:12]}… instead of {expected[:12]}…")
        return content


def save(
    folder: Path,
    step: int,
    files: Mapping[str, Content],
    facts: Mapping[str, Any],
    raise_pending_interrupt: Callable[[], None] = lambda: None,
) -> Path:
    """Publishes a checkpoint, then removes all but it and the one before it.

    A whole checkpoint of the same step is left as it is.

    Args:
        folder: Where checkpoints lie; made if it is not there.
        step: Steps made; a checkpoint's checkpoint_path in the order, whatever the clock says.
        files: Their contents by name.
        facts: Anything else that JSON can hold.
        raise_pending_interrupt: Called before each chunk is written. An exception that it raises stops the save and
            leaves the folder unchanged.

    Raises:
        GenzooError: It could not be written; nothing has changed.
    """
    path, temporary = checkpoint_path(folder, step), folder / f".tmp-{step}-{os.getpid()}"
    try:
        if not folder.is_dir():
            os.mkdir(folder)
            sync_folder(folder.parent)
        if path.exists():
            if is_intact(path):
                return path
            discard(path)
        os.mkdir(temporary)
        written = {
            name: write_new(temporary / name, content, raise_pending_interrupt) for name, content in files.items()
        }
        write_new(temporary / MANIFEST, manifest(step, written, facts), raise_pending_interrupt)
        sync_folder(temporary)
        os.rename(temporary, path)
        sync_folder(folder)
    except OSError as error:
        raise GenzooError(cannot_save(path, error, files), "free some space: df -h, or take a larger disk") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    prune(folder, step)
    return path


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"step-{step:09}"


def cannot_save(path: Path, error: OSError, files: Mapping[str, Content]) -> str:
    """Why a checkpoint could not be written, with how much room it needs."""
    needed = sum(map(len, files.values()))
    room = ""
    with suppress(OSError):
        room = f"; it needs {needed / 1e6:,.2f} MB, {shutil.disk_usage(path.parent).free / 1e6:,.2f} MB are free"
    return f"cannot save {path}: {error.strerror or error}{room}"


def manifest(step: int, files: Mapping[str, tuple[int, str]], facts: Mapping[str, Any]) -> bytes:
    """The manifest of a checkpoint, given the size and SHA-256 of its files: JSON whose last line is the SHA-256 of
    the lines above it."""
    listed = {name: {"size": size, "sha256": digest} for name, (size, digest) in files.items()}
    values = {"format": FORMAT, "step": step, "files": listed, "facts": facts}
    return with_digest(json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False).removesuffix("\n}") + ",\n")


def with_digest(above: str) -> bytes:
    """Text, and behind it a last line with its SHA-256 which closes the JSON object."""
    content = to_bytes(above)
    return content + f' "sha256": "{hashlib.sha256(content).hexdigest()}"}}\n'.encode()


def is_intact(path: Path) -> bool:
    """Whether a checkpoint is what was written, every byte of it."""
    try:
        checkpoint = open_checkpoint(path)
        for name in checkpoint.files:
            checkpoint.read(name)
    except Damaged:
        return False
    return True


def open_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint's manifest.

    Raises:
        Damaged: It is not there, or not what was written.
    """
    file = path / MANIFEST
    content = read_regular(file)
    try:
        text = content.decode()
        above = text[: text.rstrip("\n").rindex("\n") + 1]
        if with_digest(above) != content:
            raise ValueError
        values = json.loads(text)
        listed = {name: (int(entry["size"]), str(entry["sha256"])) for name, entry in values["files"].items()}
        step, facts, form = int(values["step"]), dict(values["facts"]), values["format"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged(f"{file} is damaged: it is not what was written") from None
    if form != FORMAT:
        raise Damaged(f"{file} has another format than {FORMAT}, the one that this version reads")
    if FOLDER.fullmatch(path.name) is None or step != int(path.name.removeprefix("step-")):
        raise Damaged(f"{file} is damaged: it belongs to step {step}")
    if odd := next((name for name in listed if not FILE.fullmatch(name) or name == MANIFEST), None):
        raise Damaged(f"{file} is damaged: no file is called {odd[:60]!r}")
    return Checkpoint(path, step, facts, listed)


def read_regular(path: Path, size: int | None = None) -> bytes:
    """A file's content; it must have that size, or be no larger than a manifest.

    Raises:
        Damaged: It has another size, is not there or is no file.
    """
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise Damaged(f"{path} is damaged: it is no file")
        if size is None and found.st_size > MAX_MANIFEST:
            raise Damaged(f"{path} is damaged: it has {found.st_size:,} bytes")
        if size is not None and found.st_size != size:
            raise Damaged(f"{path} is damaged: it has {found.st_size:,} bytes instead of {size:,}")
        return path.read_bytes()
    except OSError as error:
        raise Damaged(f"{path}: {error.strerror}") from None


def published(folder: Path) -> list[Path]:
    """The checkpoints of a folder, newest first: by their step, never by the clock."""
    try:
        found = [path for path in folder.iterdir() if FOLDER.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")), reverse=True)


def newest(folder: Path, use: Callable[[Checkpoint], T]) -> tuple[T | None, list[GenzooError]]:
    """What `use` makes of the newest checkpoint that is whole.

    Args:
        folder: Where checkpoints lie.
        use: Reads what it needs; a GenzooError of its own refuses the checkpoint too.

    Returns:
        That, or None if there is none, and why newer ones were passed over.
    """
    problems: list[GenzooError] = []
    for path in published(folder):
        try:
            return use(open_checkpoint(path)), problems
        except GenzooError as error:
            problems.append(error)
    return None, problems


def prune(folder: Path, step: int, keep: int = KEEP) -> None:
    """Removes all but the checkpoint of `step` and the newest ones before it: also newer ones, which were damaged."""
    before = [path for path in published(folder) if int(path.name.removeprefix("step-")) <= step]
    for path in set(published(folder)) - set(before[:keep]):
        with suppress(OSError):  # a checkpoint too many does no harm
            discard(path)


def discard(path: Path) -> None:
    """Takes a checkpoint away: by one rename, so that it is never there in part."""
    away = path.with_name(f".del-{path.name}-{os.getpid()}")
    os.rename(path, away)
    shutil.rmtree(away, ignore_errors=True)


def remove_left_overs(folder: Path) -> None:
    """Removes what saves that were cut short have left. For whoever holds the run's lock."""
    for path in left_overs(folder):
        shutil.rmtree(path, ignore_errors=True)


def left_overs(folder: Path) -> Iterator[Path]:
    """Temporary folders of saves and of removals."""
    with suppress(OSError):
        yield from [path for path in folder.iterdir() if path.name.startswith(LEFT_OVER)]
