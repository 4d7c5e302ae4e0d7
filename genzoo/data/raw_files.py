"""Raw files by name, size and SHA-256; and how a wrong one is told apart and named."""

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
PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""One part of a path below a data root: no separator, no "..", nothing hidden."""


@dataclass(frozen=True)
class RawFile:
    """A file as it is read: unpacked, never compressed."""

    name: str
    sha256: str
    size: int
    """Bytes."""


class Source(Protocol):
    """A way to get the files of a set; see `genzoo.data.sources`."""

    network: ClassVar[bool]
    """Whether `GENZOO_OFFLINE` forbids it."""

    def fetch(self, file_set: FileSet, wanted: Sequence[RawFile], into: Path) -> None:
        """Puts each wanted file it can get into the folder `into`, verified.

        Raises:
            GenzooError: Why it cannot, in one line.
        """
        ...

    def way_out(self, file_set: FileSet) -> str:
        """What a user can type to do the same by hand; "" if nothing."""
        ...


@dataclass(frozen=True)
class FileSet:
    """The files of one dataset, and the sources to try in turn. A dataset class declares it as `files`."""

    name: str
    """The dataset, as the user types it."""
    title: str
    """The dataset, as papers write it."""
    folder: str
    """Where the files lie below a data root, such as "MNIST/raw" (torchvision's layout)."""
    files: tuple[RawFile, ...]
    sources: tuple[Source, ...] = ()

    def __post_init__(self) -> None:
        for part in (self.name, *self.folder.split("/"), *(raw.name for raw in self.files)):
            if not PART.fullmatch(part) or part.endswith(".gz"):
                raise PluginError(f"file set {self.name!r}: {part!r} is not the name of an unpacked file or a folder")

    def sha256(self) -> dict[str, str]:
        """The digest of each file, for a run's record."""
        return {raw.name: raw.sha256 for raw in self.files}


class Content(NamedTuple):
    """What a file turned out to hold."""

    size: int
    sha256: str
    """"" if the size alone rules it out."""


def known_file_sets() -> Iterator[tuple[Entry, FileSet | None]]:
    """Every registered dataset that can be imported, with the files it needs, but not where to get them (None: it has
    no files)."""
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
    """The file set of a dataset's class as a JSON value, [] if it has none; None if the class cannot be imported."""
    try:
        files = getattr(entry.load(), "files", None)
    except PluginError:  # its own line was printed when it was found; it owns no file here
        return None
    if not isinstance(files, FileSet):
        return []
    raw = [[file.name, file.sha256, file.size] for file in files.files]
    return [{"name": files.name, "title": files.title, "folder": files.folder, "files": raw}]


def content(path: Path, file_set: FileSet) -> Content:
    """Size and digest of a file. What is larger than any file of the set is not read.

    Raises:
        GenzooError: It cannot be read.
    """
    try:
        if not path.is_file():
            raise GenzooError(f"{path} is no file" if path.exists() else f"{path} is a link to nothing")
        with path.open("rb") as file:
            size = path.stat().st_size
            if size > max(raw.size for raw in file_set.files):
                return Content(size, "")
            return Content(size, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise GenzooError(f"cannot read {path}: {error.strerror}") from error


def unpack(source: Path, target: Path, limit: int) -> Content:
    """Copies a file, unpacking it if it is gzip; stops one byte after `limit`, whatever the source inflates to.

    Raises:
        GenzooError: The source cannot be read or unpacked.
        OSError: The target cannot be written.
    """
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as out:
        for chunk in _chunks(source, limit):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
    return Content(size, digest.hexdigest())


def _chunks(source: Path, limit: int) -> Iterator[bytes]:
    left = limit + 1
    try:
        with source.open("rb") as packed:
            stream = gzip.GzipFile(fileobj=packed) if packed.peek(2)[:2] == b"\x1f\x8b" else packed
            while left and (chunk := stream.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise GenzooError(f"{source} is a damaged gzip file: {error}") from error
    except OSError as error:
        raise GenzooError(f"cannot read {source}: {error.strerror}") from error


def take(source: Path, file_set: FileSet, raw: RawFile, into: Path) -> None:
    """Copies or unpacks one file into a folder, under its own name once it is verified.

    Raises:
        GenzooError: It is not that file.
    """
    partial = into / f"{raw.name}.part"
    check(source, unpack(source, partial, raw.size), file_set, raw)
    partial.replace(into / raw.name)


def check(path: Path, found: Content, file_set: FileSet, raw: RawFile) -> None:
    """Refuses a file that is not `raw`, and says whose it is if that is known.

    Raises:
        GenzooError: In one line.
    """
    if found == (raw.size, raw.sha256):
        return
    owner = whose(found, file_set, raw)
    if found.size < raw.size and not owner:
        state = "empty" if not found.size else "cut short"
        raise GenzooError(f"{path} is {state}: {found.size:,} of {raw.size:,} bytes")
    if found.size > raw.size and not owner:
        raise GenzooError(f"{path} is not {file_set.title}'s: it has more than the expected {raw.size:,} bytes")
    raise GenzooError(
        f"{path} is not {file_set.title}'s (sha256 {found.sha256[:4]}… instead of {raw.sha256[:4]}…).{owner}"
    )


def whose(found: Content, file_set: FileSet, raw: RawFile) -> str:
    """A sentence that names the owner of a file, with its leading blank; "" for a stranger."""
    candidates = [file_set, *(files for _, files in known_file_sets() if files)]
    for candidate in candidates:
        for file in candidate.files:
            if found == (file.size, file.sha256):
                same_name = file.name == raw.name
                return (
                    f" These are {candidate.title}'s files."
                    if same_name
                    else f" It is {candidate.title}'s {file.name}."
                )
    return ""
