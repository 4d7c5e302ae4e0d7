"""Checkpoints on disk: each is a folder that is either complete or absent, and can verify itself.

    checkpoints/step-000000120/model.safetensors  optimizer.safetensors  …  manifest.json

A save writes a temporary folder beside it and flushes every file to the disk. The manifest comes last; it has the size
and the SHA-256 of each file and its own SHA-256. One rename publishes the folder, and only then are older checkpoints
removed. A crash of the process or of the machine at any time leaves the previous checkpoint intact.

This module does not know what is saved: files are bytes, and `facts` is JSON. Threads may save, one at a time.
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
"""Checkpoints that are kept: the newest, and the one before it in case the newest is damaged."""
MANIFEST = "manifest.json"
MAX_MANIFEST = 1 << 20
FOLDER = re.compile(r"step-(\d{9,18})")
FILE = re.compile(r"[a-z][a-z0-9_-]{0,40}\.[a-z]{1,16}")
LEFT_OVER = (".tmp-", ".del-")

T = TypeVar("T")
Read = Callable[[str], bytes]


class Damaged(GenzooError):
    """A checkpoint differs from what was written. The message begins with its path."""


@dataclass(frozen=True)
class Checkpoint:
    """A published checkpoint with an intact manifest."""

    path: Path
    step: int
    """Training steps made."""
    facts: dict[str, Any]
    """Additional JSON values, opaque here."""
    files: dict[str, tuple[int, str]]
    """Size in bytes and SHA-256 of each file, by name."""

    def read(self, name: str) -> bytes:
        """Return the verified content of one file.

        Raises:
            Damaged: The file is missing, or differs from what was written.
        """
        path = self.path / name
        if name not in self.files:
            raise Damaged(f"{path}: there is no such file in this checkpoint")
        content, expected = self.content(name), self.files[name][1]
        found = hashlib.sha256(content).hexdigest()
        if found != expected:
            raise Damaged(f"{path} is damaged: SHA-256 {found[:12]}… instead of {expected[:12]}…")
        return content

    def content(self, name: str) -> bytes:
        """Return the content of one file, unverified but for its size."""
        return read_regular(self.path / name, self.files[name][0])


def save(
    folder: Path,
    step: int,
    files: Mapping[str, Content],
    facts: Mapping[str, Any],
    raise_pending_interrupt: Callable[[], None] = lambda: None,
) -> Path:
    """Publish a checkpoint, then remove all others but the one before it.

    An intact checkpoint of the same step is not written again.

    Args:
        folder: The folder of the checkpoints; made if it does not exist.
        step: Training steps made. Checkpoints are ordered by it, and not by the clock.
        files: The contents of the files by name.
        facts: Additional JSON values.
        raise_pending_interrupt: Called before each chunk is written. An exception that it raises stops the save and
            leaves the folder unchanged.

    Raises:
        GenzooError: The checkpoint cannot be written; nothing has changed.
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
        raise GenzooError(cannot_save(path, error, files), "free some space: df -h, or use a larger disk") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    prune(folder, step)
    return path


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return the path of the checkpoint of a step."""
    return folder / f"step-{step:09}"


def step_of(path: Path) -> int:
    """Return the step of a checkpoint by the name of its folder."""
    return int(path.name.removeprefix("step-"))


def cannot_save(path: Path, error: OSError, files: Mapping[str, Content]) -> str:
    """Return the message for a checkpoint that cannot be written, with the space that it needs."""
    needed = sum(map(len, files.values()))
    room = ""
    with suppress(OSError):
        room = f"; it needs {needed / 1e6:,.2f} MB, {shutil.disk_usage(path.parent).free / 1e6:,.2f} MB are free"
    return f"cannot save {path}: {error.strerror or error}{room}"


def manifest(step: int, files: Mapping[str, tuple[int, str]], facts: Mapping[str, Any]) -> bytes:
    """Return the manifest of a checkpoint: JSON whose last line is the SHA-256 of the lines above it.

    Args:
        step: Training steps made.
        files: Size and SHA-256 of each file, by name.
        facts: Additional JSON values.
    """
    listed = {name: {"size": size, "sha256": digest} for name, (size, digest) in files.items()}
    values = {"format": FORMAT, "step": step, "files": listed, "facts": facts}
    return with_digest(json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False).removesuffix("\n}") + ",\n")


def with_digest(above: str) -> bytes:
    """Return the text with a last line added that has its SHA-256 and closes the JSON object."""
    content = to_bytes(above)
    return content + f' "sha256": "{hashlib.sha256(content).hexdigest()}"}}\n'.encode()


def is_intact(path: Path) -> bool:
    """Return whether every byte of a checkpoint is what was written."""
    try:
        checkpoint = open_checkpoint(path)
        for name in checkpoint.files:
            checkpoint.read(name)
    except Damaged:
        return False
    return True


def open_checkpoint(path: Path) -> Checkpoint:
    """Read the manifest of a checkpoint.

    Raises:
        Damaged: The manifest is missing, or differs from what was written.
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
        step, facts, version = int(values["step"]), dict(values["facts"]), values["format"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged(f"{file} is damaged: it is not what was written") from None
    if version != FORMAT:
        raise Damaged(f"{file} does not have format {FORMAT}, the one that this version reads")
    if FOLDER.fullmatch(path.name) is None or step != step_of(path):
        raise Damaged(f"{file} is damaged: it belongs to step {step}")
    if odd := next((name for name in listed if not FILE.fullmatch(name) or name == MANIFEST), None):
        raise Damaged(f"{file} is damaged: no file is called {odd[:60]!r}")
    return Checkpoint(path, step, facts, listed)


def read_regular(path: Path, size: int | None = None) -> bytes:
    """Return the content of a regular file of the given size or, without one, at most `MAX_MANIFEST` bytes.

    Raises:
        Damaged: The file is missing, not a regular file, or has another size.
    """
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise Damaged(f"{path} is damaged: it is not a file")
        if size is None and found.st_size > MAX_MANIFEST:
            raise Damaged(f"{path} is damaged: it has {found.st_size:,} bytes")
        if size is not None and found.st_size != size:
            raise Damaged(f"{path} is damaged: it has {found.st_size:,} bytes instead of {size:,}")
        return path.read_bytes()
    except OSError as error:
        raise Damaged(f"{path}: {error.strerror}") from None


def published(folder: Path) -> list[Path]:
    """Return the checkpoints of a folder by descending step."""
    try:
        found = [path for path in folder.iterdir() if FOLDER.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(found, key=lambda path: step_of(path), reverse=True)


def newest(folder: Path, use: Callable[[Checkpoint], T]) -> tuple[T | None, list[GenzooError]]:
    """Return the result of `use` for the newest intact checkpoint.

    Args:
        folder: The folder of the checkpoints.
        use: Reads a checkpoint. If it raises a GenzooError, the next older checkpoint is tried.

    Returns:
        The result, None if there is no intact checkpoint, and the errors of newer ones.
    """
    problems: list[GenzooError] = []
    for path in published(folder):
        try:
            return use(open_checkpoint(path)), problems
        except GenzooError as error:
            problems.append(error)
    return None, problems


def prune(folder: Path, step: int, keep: int = KEEP) -> None:
    """Keep the checkpoint of `step` and the newest ones before it; remove the others, also newer, damaged ones."""
    before = [path for path in published(folder) if step_of(path) <= step]
    for path in set(published(folder)) - set(before[:keep]):
        with suppress(OSError):  # an additional checkpoint does no harm
            discard(path)


def discard(path: Path) -> None:
    """Remove a folder, such as a checkpoint. A rename comes first, so that a crash never leaves half of it."""
    away = path.with_name(f".del-{path.name}-{os.getpid()}")
    os.rename(path, away)
    shutil.rmtree(away, ignore_errors=True)


def remove_left_overs(folder: Path) -> None:
    """Remove the folders of interrupted saves. Only the holder of the run's lock may call this."""
    for path in left_overs(folder):
        shutil.rmtree(path, ignore_errors=True)


def left_overs(folder: Path) -> Iterator[Path]:
    """Yield the temporary folders of saves and removals."""
    with suppress(OSError):
        yield from [path for path in folder.iterdir() if path.name.startswith(LEFT_OVER)]
