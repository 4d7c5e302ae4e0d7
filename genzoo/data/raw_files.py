"""Raw files, identified by name, size and digest, and errors that name a wrong file."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from genzoo.core.errors import GenzooError, PluginError

if TYPE_CHECKING:
    from genzoo.registry.entries import Entry

CHUNK = 1 << 20
LARGEST = 1 << 32
"""Bytes. A file of unknown size may not have more."""
PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""One part of a path below a data root: no separator, no "..", nothing hidden."""


@dataclass(frozen=True)
class RawFile:
    """A file of a dataset: uncompressed with its SHA-256, or as published, perhaps compressed, with its MD5."""

    name: str
    sha256: str = ""
    size: int = 0
    """Bytes; 0: not known."""
    md5: str = ""
    """The digest of a file whose publisher states only this one. The file is kept as published."""

    @property
    def digest(self) -> str:
        """The digest that identifies the file."""
        return self.sha256 or self.md5

    @property
    def limit(self) -> int:
        """The most bytes that the file may have."""
        return self.size or LARGEST

    def holds(self, found: Content) -> bool:
        """Return whether a content is that of this file."""
        return found.digest == self.digest and self.size in (0, found.size)


class Source(Protocol):
    """A source of the files of a set; see `genzoo.data.sources`."""

    network: ClassVar[bool]
    """Whether the source needs the network, which `GENZOO_OFFLINE` forbids."""

    def fetch(self, file_set: FileSet, wanted: Sequence[RawFile], into: Path) -> None:
        """Put each wanted file that is available into the folder `into`, verified.

        Raises:
            GenzooError: The source failed; the message gives the reason in one line.
        """
        ...

    def manual_command(self, file_set: FileSet) -> str:
        """Return the shell command that fetches the files by hand; "" if there is none."""
        ...


@dataclass(frozen=True)
class FileSet:
    """The files of one dataset, and the sources to try in order. A dataset class declares it as `files`."""

    name: str
    """Name of the dataset on the command line."""
    title: str
    """Name of the dataset in papers."""
    folder: str
    """Folder of the files below a data root, such as "MNIST/raw" (torchvision's layout)."""
    files: tuple[RawFile, ...]
    sources: tuple[Source, ...] = ()

    def __post_init__(self) -> None:
        packed = {raw.name for raw in self.files if raw.md5}
        for part in (self.name, *self.folder.split("/"), *(raw.name for raw in self.files)):
            if not PART.fullmatch(part) or (part.endswith(".gz") and part not in packed):
                raise PluginError(f"file set {self.name!r}: {part!r} is not the name of an unpacked file or a folder")

    @property
    def algorithm(self) -> str:
        """The algorithm of the digests: md5 if a file states its MD5, else sha256."""
        return "md5" if any(raw.md5 for raw in self.files) else "sha256"

    def sha256(self) -> dict[str, str]:
        """Return the digest of each file, for a run's record; an MD5 as "md5:…"."""
        return {raw.name: raw.sha256 or f"md5:{raw.md5}" for raw in self.files}


class Content(NamedTuple):
    """Size and digest of a file's content."""

    size: int
    digest: str
    """By the algorithm of the set; "" if the size alone rules the file out."""


def known_file_sets() -> Iterator[tuple[Entry, FileSet | None]]:
    """Yield each dataset that can be imported, with its files but not their sources; None if it has no files."""
    from genzoo.registry.answer_cache import cached
    from genzoo.registry.current import registry

    entries = registry().matching("dataset")
    declared = cached("files", lambda: {entry.full_name: _declared(entry) for entry in entries})
    for entry in entries:
        match declared[entry.full_name]:
            case []:
                yield entry, None
            case [{"name": name, "title": title, "folder": folder, "files": files}]:
                yield entry, FileSet(name, title, folder, tuple(RawFile(*raw) for raw in files))


def _declared(entry: Entry) -> list[dict[str, Any]] | None:
    """Return the file set of a dataset's class as JSON; [] if it has none, None if the class cannot be imported."""
    try:
        files = getattr(entry.load(), "files", None)
    except PluginError:  # reported at discovery; it owns no file here
        return None
    if not isinstance(files, FileSet):
        return []
    raw = [[file.name, file.sha256, file.size, file.md5] for file in files.files]
    return [{"name": files.name, "title": files.title, "folder": files.folder, "files": raw}]


def content(path: Path, file_set: FileSet) -> Content:
    """Return size and digest of a file. A file larger than any file of the set is not read: its digest is "".

    Raises:
        GenzooError: The file cannot be read.
    """
    try:
        if not path.is_file():
            raise GenzooError(f"{path} is not a file" if path.exists() else f"{path} is a broken link")
        with path.open("rb") as file:
            size = path.stat().st_size
            if size > max(raw.limit for raw in file_set.files):
                return Content(size, "")
            return Content(size, hashlib.file_digest(file, lambda: _hash(file_set)).hexdigest())
    except OSError as error:
        raise GenzooError(f"cannot read {path}: {error.strerror}") from error


def _hash(file_set: FileSet) -> hashlib._Hash:
    return hashlib.new(file_set.algorithm, usedforsecurity=False)


def unpack(source: Path, target: Path, file_set: FileSet, limit: int) -> Content:
    """Copy a file, unpacked if it is gzip and the set's files are not kept as published.

    Stop one byte after `limit`, to bound what a gzip bomb writes.

    Raises:
        GenzooError: The source cannot be read or unpacked.
        OSError: The target cannot be written.
    """
    digest, size = _hash(file_set), 0
    with target.open("wb") as out:
        for chunk in _chunks(source, limit, packed=file_set.algorithm == "md5"):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
    return Content(size, digest.hexdigest())


def _chunks(source: Path, limit: int, packed: bool) -> Iterator[bytes]:
    left = limit + 1
    try:
        with source.open("rb") as file:
            stream = gzip.GzipFile(fileobj=file) if not packed and file.peek(2)[:2] == b"\x1f\x8b" else file
            while left and (chunk := stream.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise GenzooError(f"{source} is a damaged gzip file: {error}") from error
    except OSError as error:
        raise GenzooError(f"cannot read {source}: {error.strerror}") from error


def take(source: Path, file_set: FileSet, raw: RawFile, into: Path) -> None:
    """Copy or unpack one file into a folder; rename it to its final name after verification.

    Raises:
        GenzooError: The content is not that of `raw`.
    """
    partial = into / f"{raw.name}.part"
    check(source, unpack(source, partial, file_set, raw.limit), file_set, raw)
    partial.replace(into / raw.name)


def check(path: Path, found: Content, file_set: FileSet, raw: RawFile) -> None:
    """Refuse a file that is not `raw`.

    Raises:
        GenzooError: The content differs; the message names the dataset that owns the content, if it is known.
    """
    if raw.holds(found):
        return
    owner = owner_of(found, file_set, raw)
    if found.size < raw.size and not owner:
        state = "empty" if not found.size else "truncated"
        raise GenzooError(f"{path} is {state}: {found.size:,} of {raw.size:,} bytes")
    if found.size > raw.limit and not owner:
        raise GenzooError(f"{path} is not {file_set.title}'s: it has more than the expected {raw.limit:,} bytes")
    raise GenzooError(
        f"{path} is not {file_set.title}'s "
        f"({file_set.algorithm} {found.digest[:4]}… instead of {raw.digest[:4]}…).{owner}"
    )


def owner_of(found: Content, file_set: FileSet, raw: RawFile) -> str:
    """Return " These are …" or " It is …", a sentence with the owner of a file; "" if the owner is unknown."""
    candidates = [file_set, *(files for _, files in known_file_sets() if files)]
    for candidate in candidates:
        for file in candidate.files:
            if file.holds(found):
                same_name = file.name == raw.name
                return (
                    f" These are {candidate.title}'s files."
                    if same_name
                    else f" It is {candidate.title}'s {file.name}."
                )
    return ""
