"""Labels of files, and the classes that they name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from own_data import load, refusal

from genzoo.data.readers.labels import is_fraction, name_of, natural, numbered, whole


def test_names_sort_as_people_sort_them() -> None:
    names = ["b", "image-10", "10", "image-2", "a", "2", "-1", ""]
    assert sorted(names, key=natural) == ["-1", "2", "10", "a", "b", "image-2", "image-10", ""]


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), (" 3.0 ", 3), ("-1", -1), ("+07.", 7), ("3.5", None), ("x", None), ("", None), ("1" * 19, None)],
)
def test_whole_numbers(text: str, number: int | None) -> None:
    assert whole(text) == number


def test_a_fraction_names_no_class() -> None:
    texts = ["0.5", "1e-3", "3.0", "3", "x", "inf", "nan", "1_0.5"]
    assert [text for text in texts if is_fraction(text)] == ["0.5", "1e-3"]


def test_one_class_has_one_name() -> None:
    assert {name_of(label) for label in (3, 3.0, "3.0", b"3", " 3 ")} == {"3"}
    numbers, names = numbered(["10", "2", "2.0", "a"])
    assert (numbers.tolist(), numbers.dtype, names) == ([1, 0, 0, 2], np.int64, ("2", "10", "a"))


def test_labels_keep_their_names(tmp_path: Path) -> None:
    for labels, names in (("10 2 1", "1 2 10"), ("3.0 1 2.0", "1 2 3"), ("b a c", "a b c"), ("-1 1 None", "-1 1 None")):
        lines = [f"{n},{label}" for n, label in enumerate(labels.split() * 5)]
        (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(lines))
        splits, spec = load("csv", tmp_path / "t.csv", label="y")
        assert spec.class_names == tuple(names.split())
        assert splits.train.y is not None
        for x, y in zip(splits.train.x[:, 0].tolist(), splits.train.y.tolist(), strict=True):
            assert spec.class_names[y] == labels.split()[int(x) % 3].removesuffix(".0")
    (tmp_path / "t.csv").write_text("x,y\n1,0.5\n2,0.7\n")
    assert "holds 0.5, which is not a class" in refusal("csv", tmp_path / "t.csv", label="y")
