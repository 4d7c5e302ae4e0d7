"""The dialect of a table, guessed from its first lines: header, separator, decimal mark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from own_data import read

BODY = "0.5,0.1,2\n1.5,0.3,4\n0.25,7,1\n"

HEADERS: list[tuple[str, list[str], int]] = [
    ("0,1,2\n" + BODY, ["0", "1", "2"], 3),  # as pandas writes it
    ("2019,2020,2021\n" + BODY, ["2019", "2020", "2021"], 3),
    ("2010,2015,2020\n1,2,3\n4,5,6\n", ["2010", "2015", "2020"], 2),
    ("age,2019,2020\n" + BODY, ["age", "2019", "2020"], 3),
    ("a,b,c\n" + BODY, ["a", "b", "c"], 3),
    ('"a","b, c","d"\n' + BODY, ["a", "b, c", "d"], 3),
    ("\ufeffa,b,c\n" + BODY, ["a", "b", "c"], 3),
    (BODY, ["1", "2", "3"], 3),
    ("0,1\n1,0\n1,1\n0,1\n", ["1", "2"], 4),  # bits
    ("1,2\n3,4\n5,6\n", ["1", "2"], 3),
    ("0,1,2\n2,1,0\n1,0,2\n", ["1", "2", "3"], 3),  # genotypes
    ("# a,b,c\n" + BODY, ["a", "b", "c"], 3),  # as numpy.savetxt writes it
]


@pytest.mark.parametrize(("text", "columns", "examples"), HEADERS)
def test_a_header_is_told_from_an_example(text: str, columns: list[str], examples: int, tmp_path: Path) -> None:
    table = read(tmp_path, text)
    assert (table.columns, len(table.x)) == (columns, examples)


@pytest.mark.parametrize("text", ["0,1,2,label\n", "label,2019,2020,2021\n", "kind,2010,2015,2020\n"])
def test_a_header_with_numbers_above_classes(text: str, tmp_path: Path) -> None:
    place = 3 if text.startswith("0") else 0
    rows = [cells.split(",") for cells in BODY.splitlines()]
    lines = [",".join([*cells[:place], "xy"[n % 2], *cells[place:]]) for n, cells in enumerate(rows)]
    label = text.strip().split(",")[place]
    assert read(tmp_path, text + "\n".join(lines), label=label).labels == ["x", "y", "x"]
    table = read(tmp_path, text + "\n".join(lines), label=str(place + 1))
    assert table.labels == ["x", "y", "x"]
    assert "is taken for a header; for an example: --data.header no" in table.notes[0]
    assert len(read(tmp_path, text + "\n".join(lines), label=str(place + 1), header="no").x) == 4


def test_the_user_has_the_last_word_on_the_header(tmp_path: Path) -> None:
    assert len(read(tmp_path, "0,1,2\n" + BODY, header="no").x) == 4
    assert len(read(tmp_path, BODY, header="yes").x) == 2


DIALECTS: list[tuple[str, str]] = [
    ("a,b\n1.5,2\n-3,4e2\n", "utf-8"),
    ("a;b\n1,5;2\n-3;4e2\n", "utf-8"),
    ("a\tb\n1,5\t2\n-3\t4e2\n", "utf-8"),
    ("a|b\n1.5|2\n-3|4e2\n", "utf-8"),
    ("a b\n1.5   2\n  -3 4e2\n", "utf-8"),
    ("a, b\r\n 1.5 , 2\r\n-3,4e2", "utf-8"),
    ("a,b\r1.5,2\r-3,4e2\r", "utf-8"),
    ("\ufeffa,b\n1.5,2\n-3,4e2\n", "utf-8"),
    ("a,b\n1.5,2\n-3,4e2\n", "utf-16"),
    ('"a","b"\n"1.5","2"\n"-3","4e2"\n', "utf-8"),
    ("a,b\n1.5,2\n\n,\n# a remark\n-3,4e2\n", "utf-8"),
    ("a,b,\n1.5,2,\n-3,4e2,\n", "utf-8"),
    (",a,b\n0,1.5,2\n1,-3,4e2\n", "utf-8"),
    ("Unnamed: 0,a,b\n5,1.5,2\n9,-3,4e2\n", "utf-8"),
    ('"a" "b"\n"one" 1.5 2\n"two" -3 4e2\n', "utf-8"),  # as R writes it
]


@pytest.mark.parametrize(("text", "encoding"), DIALECTS)
def test_every_dialect_holds_the_same_numbers(text: str, encoding: str, tmp_path: Path) -> None:
    table = read(tmp_path, text.encode(encoding))
    assert table.columns == ["a", "b"]
    np.testing.assert_array_equal(table.x, np.array([[1.5, 2], [-3, 400]], np.float32))
