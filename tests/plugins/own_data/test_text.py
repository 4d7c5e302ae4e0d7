"""A dataset of a text file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from own_data import load, refusal

import genzoo

TEXT = "abcab\ncab" * 40


def write(folder: Path, text: str) -> Path:
    path = folder / "a.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_windows_are_the_text_in_order(tmp_path: Path) -> None:
    splits, spec = load("text", write(tmp_path, TEXT), length=7)
    parts = [part.x for part in splits if part is not None]
    assert (spec.kind, spec.shape, spec.symbols) == ("tokens", (7,), ("", "�", "\n", "a", "b", "c"))
    assert {part.dtype for part in parts} == {torch.int8}
    assert "".join(text for part in parts for text in spec.spell(part[:])) == TEXT
    assert [len(part) for part in parts] == [42, 5, 5]  # 360 characters are 52 windows
    assert int((parts[-1][-1] == 0).sum()) == 52 * 7 - 360


def test_the_vocabulary_is_that_of_the_training_part(tmp_path: Path) -> None:
    splits, spec = load("text", write(tmp_path, TEXT + "ü"), length=7)
    assert "ü" not in spec.symbols
    assert spec.spell(splits.test.x[:])[-1].endswith("�")


def test_more_than_127_characters_take_two_bytes(tmp_path: Path) -> None:
    many = "".join(chr(0x4E00 + number) for number in range(300))
    splits, spec = load("text", write(tmp_path, many), length=10)
    assert splits.train.x.dtype == torch.int16
    assert "".join(spec.spell(splits.train.x[:])) == many[:240]


def test_files_that_are_no_texts_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.txt"
    path.write_bytes(b"ab\xffc")
    assert "is not UTF-8 text: byte 2 is 0xff" in refusal("text", path)
    path.write_bytes(b"")
    assert "is empty" in refusal("text", path)
    assert "nothing is left to train on" in refusal("text", write(tmp_path, "abc"))


@pytest.mark.parametrize("option", ["without", "only"])
def test_classes_are_refused(option: str, tmp_path: Path) -> None:
    with pytest.raises(genzoo.UsageError, match="these data have none"):
        load("text", write(tmp_path, TEXT), **{option: "a"})
