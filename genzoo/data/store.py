"""The store of raw files: found, fetched, and verified at every load."""

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
from genzoo.data.raw_files import FileSet, RawFile, check, content, known_file_sets, unpack, whose
from genzoo.system.atomic import user_cache
from genzoo.system.streams import tell


@dataclass(frozen=True)
class Found:
    """Where the verified files of a set lie."""

    folder: Path
    source: str
    """Where they came from this time, for the run's record: the folder itself, or what was fetched from."""
    sha256: dict[str, str]
    """The digest of each file."""


class Store:
    """Finds the files of datasets, fetches what is missing, and hands out nothing unverified.

    Files are looked for in `root`, `$GENZOO_DATA` and the user's cache (`$XDG_CACHE_HOME/genzoo/data`, or
    `~/.cache/genzoo/data`), in this order, and written to the first of them that can be written. A complete store may
    be read-only. Nothing a user has is ever overwritten or deleted, unless `add` is told to.

    Args:
        root: A folder to prefer.
        offline: Whether the network is out of bounds; None: as `$GENZOO_OFFLINE` says.
        say: Told which source is used, a line at a time; None: standard error.
    """

    def __init__(
        self, root: Path | None = None, offline: bool | None = None, say: Callable[[str], None] | None = None
    ) -> None:
        self.offline = os.environ.get("GENZOO_OFFLINE", "") not in ("", "0") if offline is None else offline
        self.say = say or _say
        self.found: dict[str, Found] = {}
        """Every set asked for so far, by name."""
        self.notes: list[str] = []
        """What a dataset guessed or left out while it was read, a line each: said when a run begins."""
        self.warnings: list[str] = []
        """What is wrong with the data, though they can be used: said even to those who want quiet."""
        variable = os.environ.get("GENZOO_DATA")
        cache = user_cache()
        chosen = [root, Path(variable) if variable else None, cache and cache / "data"]
        self._chosen = [Path(os.path.abspath(os.path.expanduser(path))) for path in chosen if path]

    @property
    def roots(self) -> list[Path]:
        """Where files are looked for, best first, each once."""
        fallback = _temporary_root()
        usable = os.path.isdir(fallback) and fallback.stat().st_uid == os.getuid()
        return list(dict.fromkeys([*self._chosen, *([fallback] if usable else [])]))

    @cached_property
    def writable_root(self) -> Path:
        """Where new files go; in the worst case a temporary folder, which is said."""
        refused = ""
        for root in [*self._chosen, _temporary_root()]:
            try:
                root.mkdir(parents=True, exist_ok=True, mode=0o777 if root in self._chosen else 0o700)
                with tempfile.TemporaryFile(dir=root):
                    pass
            except OSError as error:
                refused += f"cannot write to {root} ({error.strerror}); "
                continue
            # A folder of that name that somebody else made in advance is theirs to change at any time.
            if root.stat().st_uid != os.getuid() and root not in self._chosen:
                root = Path(tempfile.mkdtemp(prefix="genzoo-data-"))
            if refused:
                lasting = "" if root in self._chosen else ", which may be emptied at any time: set GENZOO_DATA"
                self.say(f"{refused}new files go to {root}{lasting}")
            return root
        raise GenzooError(f"{refused}there is nowhere to put data", "name a folder: --data-root FOLDER")

    def ensure(self, file_set: FileSet) -> Found:
        """The verified files of a set, fetched if need be.

        Raises:
            GenzooError: A file is damaged or another dataset's, or none of the sources has the files.
        """
        found = self.find(file_set) or self._fetch(file_set)
        self.found[file_set.name] = found
        self.say(f"{file_set.name}: verified, from {found.source}")
        return found

    def find(self, file_set: FileSet) -> Found | None:
        """The verified files of a set if one root has them all.

        Raises:
            GenzooError: A root that was come by has a file that is not what its name says.
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
        """Each file of a set in each root that has some of them, with what is wrong with it ("" if nothing)."""
        report = []
        for root in self.roots:
            paths = {root / file_set.folder / raw.name: raw for raw in file_set.files}
            if any(os.path.lexists(path) for path in paths):
                report += [(path, _problem(path, file_set, raw)) for path, raw in paths.items()]
        return report

    def add(self, file_set: FileSet, paths: Sequence[Path]) -> list[tuple[Path, Path]]:
        """Copies files, gzip or not, to where they belong, told apart by what they hold. All or none.

        Returns:
            Each path given, and where its copy lies now.

        Raises:
            GenzooError: One of them is none of the set's.
        """
        placed = []
        with self._work(file_set) as (folder, part):
            limit = max(raw.size for raw in file_set.files)
            for number, path in enumerate(paths):
                copy = part / f"added-{number}.part"
                if not path.is_file():
                    raise GenzooError(f"{path}: no such file", self._wanted(file_set))
                held = unpack(path, copy, limit)
                raw = next((raw for raw in file_set.files if (raw.size, raw.sha256) == held), None)
                if raw is None:
                    owner = whose(held, file_set, RawFile(path.name.removesuffix(".gz"), "", 0))
                    seen = f"{held.size:,} bytes, sha256 {held.sha256[:4]}…"
                    what = f"{path} is none of {file_set.title}'s files ({seen}).{owner}"
                    raise GenzooError(what, self._wanted(file_set))
                placed.append((path, copy, raw))
            folder.mkdir(parents=True, exist_ok=True)
            for _, copy, raw in placed:
                copy.replace(folder / raw.name)
        return [(path, folder / raw.name) for path, _, raw in placed]

    def _wanted(self, file_set: FileSet) -> str:
        return f"wanted, gzip or not: {', '.join(raw.name for raw in file_set.files)}"

    def _fetch(self, file_set: FileSet) -> Found:
        with self._work(file_set) as (folder, part):
            found = self.find(file_set)  # another process may have been faster
            if found:
                return found
            wanted = [raw for raw in file_set.files if not (folder / raw.name).exists()]
            used, reasons = self._gather(file_set, wanted, part)
            missing = [raw.name for raw in wanted if not (part / raw.name).exists()]
            if missing:
                raise self._ways_out(file_set, folder, missing, reasons)
            folder.mkdir(parents=True, exist_ok=True)
            for raw in wanted:
                (part / raw.name).replace(folder / raw.name)
        return Found(folder, " and ".join(used), file_set.sha256())

    def _gather(self, file_set: FileSet, wanted: Sequence[RawFile], part: Path) -> tuple[list[str], list[str]]:
        """Fills `part` from one source after another: those that helped, and why the others did not."""
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
        """The folder to fill and an empty one to work in, on the same disk; one process at a time."""
        from filelock import lock_descriptor  # its import takes some 50 ms, and most commands lock nothing

        root = self.writable_root
        part = root / f".{file_set.name}.part"
        try:
            with (root / f".{file_set.name}.lock").open("w") as lock:
                if not lock_descriptor(lock.fileno(), blocking=False):
                    self.say(f"{file_set.name}: waiting for another process that is fetching it")
                    lock_descriptor(lock.fileno())
                shutil.rmtree(part, ignore_errors=True)  # left by a killed process: the holder of the lock owns it
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
        """Adds to an error about a file in a user's folder what to type: the file itself is left alone."""
        try:
            yield
        except GenzooError as error:
            place = "" if root == self.roots[0] else f" --data-root {shlex.quote(str(root))}"
            remove = "" if path.is_dir() else f"rm {shlex.quote(str(path))}    and run again: it is fetched anew\n"
            raise GenzooError(
                error.message,
                f"{remove}genzoo data add {file_set.name} FILES…{place}    puts the right files in its place",
            ) from error

    def _ways_out(self, file_set: FileSet, folder: Path, missing: list[str], reasons: list[str]) -> GenzooError:
        by_hand: dict[type, str] = {}  # of several mirrors the first is enough
        for source in file_set.sources:
            by_hand.setdefault(type(source), source.way_out(file_set))
        ways = ["unset GENZOO_OFFLINE, and run again: it is fetched"] if self.offline else []
        ways += filter(None, by_hand.values())
        ways.append(f"put {', '.join(missing)} into {shlex.quote(str(folder))}")
        free = [entry.name for entry, files in known_file_sets() if files is None]
        if free:
            ways.append(f"use a dataset that needs no files: {', '.join(free)}")
        hint = [f"tried  {reason}" for reason in reasons]
        hint += [f"{'ways out:' if not number else 'or:      '} {way}" for number, way in enumerate(ways)]
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
