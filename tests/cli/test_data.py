"""genzoo data list | path | verify | add."""

from __future__ import annotations

import argparse
import gzip
import os
from pathlib import Path

import pytest
import torch
from tiny_datasets import NAMES, Example

from genzoo.cli.data import add_verb
from genzoo.core.errors import GenzooError, UsageError
from genzoo.system import tensor_cache as computed


def data(*arguments: object) -> int:
    """Runs `genzoo data …`."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_verb(parser.add_subparsers())
    namespace = parser.parse_args(["data", *map(str, arguments)])
    status: int = namespace.handler(namespace)
    return status


def rows(text: str) -> dict[str, list[str]]:
    return {line.split("  ")[0]: [cell.strip() for cell in line.split("  ")[1:] if cell] for line in text.splitlines()}


def test_list(cache: Path, tiny: Example, other: Example, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.put(cache / "Tiny/raw")
    (other.put(cache / "Other-Tiny/raw") / NAMES[1]).write_bytes(b"")
    assert data("list") == 0
    table = rows(capsys.readouterr().out)
    assert table["tiny"] == ["✓ ready", f"{cache}/Tiny/raw"]
    assert table["other"][0] == "✗ damaged"
    assert table["other"][1].endswith("train-labels-idx1-ubyte is empty: 0 of 28 bytes")
    assert table["mnist"] == ["not downloaded"]
    assert table["digits"] == table["moons"] == ["✓ ready", "needs no files"]


def test_path(cache: Path, tmp_path: Path, tiny: Example, capsys: pytest.CaptureFixture[str]) -> None:
    assert data("path") == data("path", "tiny") == data("path", "tiny", "--data-root", tmp_path / "root") == 0
    tiny.put(cache / "Tiny/raw")
    assert data("path", "tiny", "--data-root", tmp_path / "root") == 0
    places = [cache, cache / "Tiny/raw", tmp_path / "root/Tiny/raw", cache / "Tiny/raw"]
    assert capsys.readouterr().out.splitlines() == [str(place) for place in places]
    with pytest.raises(UsageError, match="digits needs no files"):
        data("path", "digits")
    with pytest.raises(UsageError, match="Did you mean 'mnist'"):
        data("path", "mnits")


def test_verify(cache: Path, tiny: Example, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GenzooError, match="Tiny is not here"):
        data("verify", "tiny")
    assert data("verify") == 0
    folder = tiny.put(cache / "Tiny/raw")
    assert data("verify", "tiny") == data("verify") == 0
    assert capsys.readouterr().out.splitlines() == 2 * [f"ok   {folder / name}" for name in NAMES]
    (folder / NAMES[1]).write_bytes(b"x")
    (folder / NAMES[2]).unlink()
    assert data("verify", "tiny") == data("verify") == 1
    assert capsys.readouterr().out.splitlines()[:4] == [
        f"ok   {folder / NAMES[0]}",
        f"bad  {folder / NAMES[1]} is truncated: 1 of 28 bytes",
        f"bad  {folder / NAMES[2]} is missing",
        f"ok   {folder / NAMES[3]}",
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "missing", "swapped", "lengthened"])
def test_verify_finds_every_damage(
    cache: Path, tiny: Example, other: Example, name: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also of a file of the right size whose time of change was set back."""
    for one, another in ((tiny, other), (other, tiny)):
        path = one.put(cache / one.files.folder) / name
        right, before = one.right[name], path.stat()
        wrong = {
            "flipped": right[:-1] + bytes([right[-1] ^ 128]),
            "truncated": right[:-1],
            "empty": b"",
            "swapped": another.right[name],
            "lengthened": right + b"x",
        }.get(damage)
        path.unlink()
        if wrong is not None:
            path.write_bytes(wrong)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert data("verify", one.files.name) == 1
        bad = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("ok ")]
        assert len(bad) == 1
        assert bad[0].startswith(f"bad  {path} is ")


def test_add_goes_by_what_files_hold(
    cache: Path, tmp_path: Path, tiny: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    given = []
    for number, name in enumerate(NAMES):
        path = tmp_path / f"download ({number})"
        path.write_bytes(gzip.compress(tiny.right[name]) if number % 2 else tiny.right[name])
        given.append(path)
    assert data("add", "tiny", *given[:3]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1] == f"{given[1]} → {cache}/Tiny/raw/{NAMES[1]}"
    assert printed.err == f"genzoo: Tiny still lacks {NAMES[3]}\n"
    assert data("add", "tiny", given[3]) == 0
    assert capsys.readouterr().err == ""
    assert data("verify", "tiny") == 0
    assert all(path.exists() for path in given), "copied, not moved"


def test_add_mends_a_damaged_file(cache: Path, tmp_path: Path, tiny: Example) -> None:
    (tiny.put(cache / "Tiny/raw") / NAMES[0]).write_bytes(b"damaged")
    right = tiny.put(tmp_path / "right")
    assert data("add", "tiny", right / NAMES[0]) == 0
    assert data("verify", "tiny") == 0


def test_add_takes_all_files_or_none(cache: Path, tmp_path: Path, tiny: Example, other: Example) -> None:
    right, wrong = tiny.put(tmp_path / "right"), other.put(tmp_path / "wrong")
    with pytest.raises(GenzooError, match="These are Other-Tiny's files"):
        data("add", "tiny", right / NAMES[0], wrong / NAMES[1])
    with pytest.raises(GenzooError, match="no such file"):
        data("add", "tiny", right / NAMES[0], tmp_path / "none")
    assert not (cache / "Tiny").exists()
    assert not list(cache.glob("*.part"))


def test_clear_empties_the_cache_and_leaves_files(
    cache: Path, tiny: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny.put(cache / "Tiny/raw")
    monkeypatch.setattr(computed, "folder", lambda: tmp_path / "computed")
    computed.write("test", 1, {"x": torch.zeros(1 << 18)})
    assert data("clear") == data("clear") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"{n} files removed, {n} MB: {tmp_path / 'computed'}" for n in (1, 0)]
    assert data("verify", "tiny") == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)


def test_options_are_not_abbreviated(home: Path) -> None:
    with pytest.raises(SystemExit):
        data("list", "--data", "x")
