"""The lines of a text file: encodings, comments, samples, and what is too large."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from genzoo.core.errors import UsageError
from genzoo.data.readers import lines
from genzoo.data.readers.lines import Lines, encoding_of


def written(folder: Path, content: bytes) -> Path:
    (folder / "t.csv").write_bytes(content)
    return folder / "t.csv"


@pytest.mark.parametrize(
    ("start", "encoding"),
    [
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
        (codecs.BOM_UTF8, "utf-8-sig"),
        (b"", "utf-8-sig"),
    ],
)
def test_the_encoding_is_that_of_the_byte_order_mark(start: bytes, encoding: str, tmp_path: Path) -> None:
    assert encoding_of(written(tmp_path, start + b"a,")) == encoding


def test_comments_become_blank_lines(tmp_path: Path) -> None:
    text = Lines(written(tmp_path, b"# one\na\n#two, b_c\nd_e\n"), "utf-8")
    assert list(text) == ["\n", "a\n", "\n", "d_e\n"]
    assert (text.comments, text.last_comment, text.underscored) == (2, "#two, b_c\n", True)


def test_underscores_of_comments_do_not_count(tmp_path: Path) -> None:
    text = Lines(written(tmp_path, b"#a_b\n1,2\n"), "utf-8")
    assert list(text) == ["\n", "1,2\n"]
    assert not text.underscored


def test_a_sample_is_the_beginning_and_the_rest_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "SAMPLE", 2)
    text = Lines(written(tmp_path, b"a\n\nb\nc\nd\n"), "utf-8")
    assert text.sample() == ["a\n", "\n", "b\n"]
    assert list(text) == ["c\n", "d\n"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n" * 30, "begins with 20 blank lines"),
        (b"a\n" + b"b" * 60 + b"\n", "line 2 has more than 50 characters"),
        (b"a\n" * 60, "has more than 100 bytes"),
    ],
    ids=["empty", "blank", "a long line", "a large file"],
)
def test_what_is_too_large_or_empty_is_refused(
    content: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MOST_BLANK", 20), ("LONGEST_LINE", 50), ("LARGEST", 100)):
        monkeypatch.setattr(lines, name, value)
    with pytest.raises(UsageError, match=message):
        Lines(written(tmp_path, content), "utf-8").sample()


def test_a_nul_is_not_text(tmp_path: Path) -> None:
    with pytest.raises(UnicodeError):
        Lines(written(tmp_path, b"a\0b\n"), "utf-8").sample()
