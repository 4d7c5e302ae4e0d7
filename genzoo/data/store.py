"""The store of raw files: it finds and fetches them, and verifies them at every load."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from genzoo.core.errors import GenzooError
from genzoo.data.raw_files import FileSet, RawFile, check, content, known_file_sets, owner_of, unpack
from genzoo.system.atomic import user_cache
from genzoo.system.streams import tell


@dataclass(frozen=True)
class Found:
    """The verified files of a set."""

    folder: Path
    source: str
    """The folder, or the source of a fetch, for the run's record."""
    sha256: dict[str, str]
    """The digest of each file."""


class Store:
    """Find the files of datasets, fetch missing ones, and return only verified ones.

    The store searches `root`, `$GENZOO_DATA` and the user's cache (`$XDG_CACHE_HOME/genzoo/data`, or
    `~/.cache/genzoo/data`), in this order, and writes to the first writable one. A complete store may be read-only.
    Only `add` overwrites files of the user.

    Args:
        root: The folder to search first.
        offline: Whether the network is forbidden; None: `$GENZOO_OFFLINE` decides.
        say: Called with each line for the user; None: print to standard error.
    """

    def __init__(
        self, root: Path | None = None, offline: bool | None = None, say: Callable[[str], None] | None = None
    ) -> None:
        self.offline = os.environ.get("GENZOO_OFFLINE", "") not in ("", "0") if offline is None else offline
        self.say = say or _say
        self.found: dict[str, Found] = {}
        """The sets requested so far, by name."""
        self.notes: list[str] = []
        """What a dataset guessed or left out while reading, one line each; printed when a run begins."""
        self.warnings: list[str] = []
        """Problems of data that can still be used, one line each; printed also with --quiet."""
        variable = os.environ.get("GENZOO_DATA")
        cache = user_cache()
        chosen = [root, Path(variable) if variable else None, cache and cache / "data"]
        self._chosen = [Path(os.path.abspath(os.path.expanduser(path))) for path in chosen if path]

    @property
    def roots(self) -> list[Path]:
        """The folders to search, in order, without duplicates."""
        fallback = _temporary_root()
        usable = os.path.isdir(fallback) and fallback.stat().st_uid == os.getuid()
        return list(dict.fromkeys([*self._chosen, *([fallback] if usable else [])]))

    @cached_property
    def writable_root(self) -> Path:
        """The folder for new files. The last resort is a temporary folder, with a message to the user."""
        refused = ""
        for root in [*self._chosen, _temporary_root()]:
            try:
                root.mkdir(parents=True, exist_ok=True, mode=0o777 if root in self._chosen else 0o700)
                with tempfile.TemporaryFile(dir=root):
                    pass
            except OSError as error:
                refused += f"cannot write to {root} ({error.strerror}); "
                continue
            # Another user may have made a folder of this name in advance, and could change its files.
            if root.stat().st_uid != os.getuid() and root not in self._chosen:
                root = Path(tempfile.mkdtemp(prefix="genzoo-data-"))
            if refused:
                lasting = "" if root in self._chosen else ", which may be emptied at any time: set GENZOO_DATA"
                self.say(f"{refused}new files go to {root}{lasting}")
            return root
        raise GenzooError(f"{refused}there is nowhere to put data", "name a folder: --data-root FOLDER")

    def ensure(self, file_set: FileSet) -> Found:
        """Return the verified files of a set; fetch missing ones.

        Raises:
            GenzooError: A file is damaged or of another dataset, or no source has the files.
        """
        found = self.find(file_set) or self._fetch(file_set)
        self.found[file_set.name] = found
        self.say(f"{file_set.name}: verified, from {found.source}")
        return found

    def find(self, file_set: FileSet) -> Found | None:
        """Return the verified files of a set if one folder has all of them.

        Raises:
            GenzooError: A searched folder contains a file with the wrong checksum.
        """
        for root in self.roots:
            folder = root / file_set.folder
            present = [raw for raw in file_set.files if os.path.lexists(folder / raw.name)]
            for raw in present:
                with self._suggestion(file_set, root, folder / raw.name):
                    check(folder / raw.name, content(folder / raw.name, file_set), file_set, raw)
            if len(present) == len(file_set.files):
                return Found(folder, str(folder), file_set.sha256())
        return None

    def inspect(self, file_set: FileSet) -> list[tuple[Path, str]]:
        """Return each file of a set in each folder that has some of them, with its problem ("" if there is none)."""
        report = []
        for root in self.roots:
            paths = {root / file_set.folder / raw.name: raw for raw in file_set.files}
            if any(os.path.lexists(path) for path in paths):
                report += [(path, _problem(path, file_set, raw)) for path, raw in paths.items()]
        return report

    def add(self, file_set: FileSet, paths: Sequence[Path]) -> list[tuple[Path, Path]]:
        """Copy files, gzip or not, into the store. Their content identifies them. Copy all or none.

        Returns:
            Each given path with the path of its copy.

        Raises:
            GenzooError: A file does not belong to the set.
        """
        placed = []
        with self._work(file_set) as (folder, part):
            limit = max(raw.limit for raw in file_set.files)
            for number, path in enumerate(paths):
                copy = part / f"added-{number}.part"
                if not path.is_file():
                    raise GenzooError(f"{path}: no such file", self._wanted(file_set))
                held = unpack(path, copy, file_set, limit)
                raw = next((raw for raw in file_set.files if raw.holds(held)), None)
                if raw is None:
                    owner = owner_of(held, file_set, RawFile(path.name.removesuffix(".gz")))
                    seen = f"{held.size:,} bytes, {file_set.algorithm} {held.digest[:4]}…"
                    what = f"{path} is not one of {file_set.title}'s files ({seen}).{owner}"
                    raise GenzooError(what, self._wanted(file_set))
                placed.append((path, copy, raw))
            folder.mkdir(parents=True, exist_ok=True)
            for _, copy, raw in placed:
                copy.replace(folder / raw.name)
        return [(path, folder / raw.name) for path, _, raw in placed]

    def _wanted(self, file_set: FileSet) -> str:
        packed = "as published" if file_set.algorithm == "md5" else "gzip or not"
        return f"wanted, {packed}: {', '.join(raw.name for raw in file_set.files)}"

    def _fetch(self, file_set: FileSet) -> Found:
        with self._work(file_set) as (folder, part):
            found = self.find(file_set)  # another process may have fetched them meanwhile
            if found:
                return found
            wanted = [raw for raw in file_set.files if not (folder / raw.name).exists()]
            used, reasons = self._gather(file_set, wanted, part)
            missing = [raw.name for raw in wanted if not (part / raw.name).exists()]
            if missing:
                raise self._not_available(file_set, folder, missing, reasons)
            folder.mkdir(parents=True, exist_ok=True)
            for raw in wanted:
                (part / raw.name).replace(folder / raw.name)
        return Found(folder, " and ".join(used), file_set.sha256())

    def _gather(self, file_set: FileSet, wanted: Sequence[RawFile], part: Path) -> tuple[list[str], list[str]]:
        """Fill `part` from one source after another. Return the sources used, and why the others failed."""
        from genzoo.data.sources import take_from

        used: list[str] = []
        reasons: list[str] = []

        def missing() -> list[RawFile]:
            return [raw for raw in wanted if not (part / raw.name).exists()]

        for root in self.roots:
            for folder in (root / file_set.folder, (root / file_set.folder).parent):
                before = len(missing())
                with self._suggestion(file_set, root, folder):
                    take_from(folder, file_set, missing(), part)
                if len(missing()) < before:
                    used.append(str(folder))
        for source in file_set.sources:
            before = len(missing())
            if not before:
                break
            if source.network and self.offline:
                continue
            if source.network:
                self.say(f"{file_set.name}: fetching from {source}")
            try:
                source.fetch(file_set, missing(), part)
            except GenzooError as error:
                reasons.append(f"{source}: {error.message.replace(f'{part}/', '')}")
                if source.network:
                    self.say(f"{file_set.name}: {reasons[-1]}")
            if len(missing()) < before:
                used.append(str(source))
        return used, reasons

    @contextmanager
    def _work(self, file_set: FileSet) -> Iterator[tuple[Path, Path]]:
        """Yield the folder to fill and an empty working folder on the same disk, for one process at a time."""
        from filelock import lock_descriptor  # its import takes some 50 ms, and most commands lock nothing

        root = self.writable_root
        part = root / f".{file_set.name}.part"
        try:
            with (root / f".{file_set.name}.lock").open("w") as lock:
                if not lock_descriptor(lock.fileno(), blocking=False):
                    self.say(f"{file_set.name}: waiting for another process that is fetching it")
                    lock_descriptor(lock.fileno())
                shutil.rmtree(part, ignore_errors=True)  # left by a killed process; the holder of the lock owns it
                part.mkdir()
                try:
                    yield root / file_set.folder, part
                finally:
                    shutil.rmtree(part, ignore_errors=True)
        except OSError as error:
            raise GenzooError(
                f"{file_set.name}: {error.strerror or error} ({error.filename or root})",
                "choose another folder: --data-root FOLDER, or GENZOO_DATA=FOLDER",
            ) from error

    @contextmanager
    def _suggestion(self, file_set: FileSet, root: Path, path: Path) -> Iterator[None]:
        """Add to an error about a user's file what to type. The file is not changed."""
        try:
            yield
        except GenzooError as error:
            place = "" if root == self.roots[0] else f" --data-root {shlex.quote(str(root))}"
            remove = "" if path.is_dir() else f"rm {shlex.quote(str(path))}    then run again to fetch it\n"
            raise GenzooError(
                error.message,
                f"{remove}genzoo data add {file_set.name} FILES…{place}    puts the right files there",
            ) from error

    def _not_available(self, file_set: FileSet, folder: Path, missing: list[str], reasons: list[str]) -> GenzooError:
        by_hand: dict[type, str] = {}  # one mirror is enough
        for source in file_set.sources:
            by_hand.setdefault(type(source), source.manual_command(file_set))
        ways = ["unset GENZOO_OFFLINE and run again to fetch it"] if self.offline else []
        ways += filter(None, by_hand.values())
        ways.append(f"put {', '.join(missing)} into {shlex.quote(str(folder))}")
        free = [entry.name for entry, files in known_file_sets() if files is None]
        if free:
            ways.append(f"use a dataset that needs no files: {', '.join(free)}")
        hint = [f"tried  {reason}" for reason in reasons]
        hint += [f"{'or:      ' if number else 'fix:     '} {way}" for number, way in enumerate(ways)]
        where = "offline" if self.offline else "every source failed"
        return GenzooError(f"{file_set.title} is not here ({where})", "\n".join(hint))


def _problem(path: Path, file_set: FileSet, raw: RawFile) -> str:
    if not os.path.lexists(path):
        return f"{path} is missing"
    try:
        check(path, content(path, file_set), file_set, raw)
    except GenzooError as error:
        return error.message
    return ""


def _say(line: str) -> None:
    tell(f"genzoo: {line}")


def _temporary_root() -> Path:
    return Path(tempfile.gettempdir()) / f"genzoo-data-{os.getuid()}"
