"""Reading untrusted files: which files are opened, and which JSON is accepted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from genzoo.system.reading import DEEPEST, near, open_regular, parse_json, read_text


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("holidays", "holiday"),
        ("photos/jnue", "june"),
        ("phtos/june/1.png", "photos"),
        ("something", ""),
        ("no.txt", ""),
        ("holiday", ""),
        ("many/file-1001", ""),
    ],
)
def test_a_path_that_is_not_there_is_looked_for_where_it_leaves_off(path: str, meant: str, tmp_path: Path) -> None:
    for folder in ("holiday", "photos/june", "many"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "whole.txt").touch()
    for number in range(1001):
        (tmp_path / f"many/file-{number}").touch()
    assert near(tmp_path / path) == (f" Did you mean {meant!r}?" if meant else "")


@pytest.mark.parametrize("text", ["{}", "7", '"é"', '"\\ud83d\\ude00"', "[1e300, -0.5, true, null]", nested(DEEPEST)])
def test_strict_json_is_accepted(text: str) -> None:
    assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN is not allowed in JSON"),
        ('{"a": [-Infinity]}', "-Infinity is not allowed in JSON"),
        ("1e999", "1e999 is too large a number"),
        ("1" * 41, "a number of 41 digits"),
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "'c' appears twice"),
        (nested(DEEPEST + 2), "nested too deeply"),
        ('{"a":' * 500 + "1" + "}" * 500, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('["\\ud800"]', "surrogates not allowed"),
        ('{"\\udfff": 1}', "surrogates not allowed"),
        ("", "Expecting value"),
    ],
)
def test_json_that_is_not_strict_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(text)


def test_only_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("é")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    assert read_text(tmp_path / "file") == read_text(tmp_path / "link", 2) == "é"
    for name, reason in {
        "zero": "not a regular file", "pipe": "not a regular file", "": "Is a directory", "none": "No such file",
        "a\0b": "not a valid file name", "x" * 300: "File name too long",
    }.items():  # fmt: skip
        with pytest.raises(OSError, match=reason):
            open_regular(tmp_path / name)
    with pytest.raises(OSError, match="more than 1 bytes"):
        read_text(tmp_path / "file", 1)
    (tmp_path / "file").write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        read_text(tmp_path / "file")
