"""Tables as people have them: with and without a header, in any dialect, with gaps."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_data import RNG, dataset, load, refusal

from genzoo.core.errors import UsageError
from genzoo.data.readers.columns import TableOptions, TrainedColumns
from genzoo.data.readers.csv import Table, read_table
from genzoo.data.store import Store

BODY = "0.5,0.1,2\n1.5,0.3,4\n0.25,7,1\n"


def read(path: Path, text: str | bytes, known: TrainedColumns | None = None, **options: Any) -> Table:
    path = path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path, TableOptions(**options), known)


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


@pytest.mark.parametrize("cell", ["1_000", "1 000", "1'000", '"1,000"', '"1,234,567.8"', "1.234.567"])
def test_marks_between_thousands_are_refused(cell: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"line 3, column a: .* is no finite number") as error:
        read(tmp_path, f"a,b\n1,2\n{cell},4\n")
    assert "between thousands" in error.value.hint


def test_other_encodings_and_truths(tmp_path: Path) -> None:
    table = read(tmp_path, "größe,b\nTrue,1\nFalse,0\n".encode("latin-1"))
    assert table.columns == ["größe", "b"]
    assert table.x.tolist() == [[1, 1], [0, 0]]
    assert "read as Latin-1" in table.notes[-1]


def test_columns_are_chosen_by_name_and_by_number(tmp_path: Path) -> None:
    text = "a,b,name,d\n1,2,x,4\n5,6,y,8\n"
    assert read(tmp_path, text, drop=("name", "1")).columns == ["b", "d"]
    assert read(tmp_path, text, select=("4", "a")).columns == ["a", "d"]
    table = read(tmp_path, text, label="3")
    assert (table.columns, table.labels) == (["a", "b", "d"], ["x", "y"])
    assert read(tmp_path, ",a\n0,1\n1,2\n", index="keep").columns == ["1", "a"]
    with pytest.raises(UsageError, match="2 columns called 'a'"):
        read(tmp_path, "a,a\n1,2\n3,4\n", drop=("a",))


def test_missing_values_are_dropped_or_filled_in(tmp_path: Path) -> None:
    text = "a,b,y\n" + "".join(f"{n},{'' if n % 5 == 3 else n % 4},{'pq'[n % 2]}\n" for n in range(20))
    table = read(tmp_path, text, label="y", missing="drop")
    assert table.x[:, 0].tolist() == [n for n in range(20) if n % 5 != 3]
    assert table.rows.tolist() == [n for n in range(20) if n % 5 != 3]
    assert table.labels == ["pq"[n % 2] for n in range(20) if n % 5 != 3]
    made = dataset("csv", tmp_path / "t.csv", label="y", missing="mean", validation=0.0, test=0.25)
    splits = made.load(Store(say=lambda line: None))
    whole = torch.cat([splits.train.x, splits.test.x])
    known = splits.train.x[splits.train.x[:, 0] % 5 != 3]
    mean = known[:, 1].double().mean().item()
    assert whole[whole[:, 0] % 5 == 3][:, 1].tolist() == pytest.approx([mean] * 4)
    with pytest.raises(UsageError, match="line 3, column y has no label"):
        read(tmp_path, "a,y\n1,p\n2,\n", label="y", missing="mean")


@pytest.mark.parametrize("scale", ["standard", "unit"])
def test_columns_are_scaled_by_the_training_data_alone(scale: str, tmp_path: Path) -> None:
    x = RNG.standard_normal((50, 3)) * [1e5, 1, 0] + [1e6, 0, 7]
    np.savetxt(tmp_path / "t.csv", x, delimiter=",", fmt="%.9g")
    plain = load("csv", tmp_path / "t.csv")[0]
    made = dataset("csv", tmp_path / "t.csv", scale=scale)
    splits = made.load(Store(say=lambda line: None))
    train = plain.train.x.double()
    if scale == "standard":
        shift, spread = train.mean(0), train.std(0, correction=0)
    else:
        shift, spread = train.amin(0), train.amax(0) - train.amin(0)
    spread[2] = 1
    for part, other in zip(splits, plain, strict=True):
        torch.testing.assert_close(part.x.double(), (other.x.double() - shift) / spread, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(made.form.unscaled(part.x), other.x, rtol=1e-5, atol=1e-3)


def test_a_large_scale_is_a_warning_that_names_the_columns(tmp_path: Path) -> None:
    lines = "\n".join(f"{n * 100},{n / 50},{n % 3 * 1000}" for n in range(50))
    (tmp_path / "t.csv").write_text(f"time,small,amount\n{lines}\n")
    store = Store(say=lambda line: None)
    dataset("csv", tmp_path / "t.csv").load(store)
    (warning,) = store.warnings
    assert warning.startswith("columns of a large scale: time (")
    assert "amount (0 … 2000): --data.scale standard" in warning
    assert "small" not in warning
    store = Store(say=lambda line: None)
    dataset("csv", tmp_path / "t.csv", scale="standard").load(store)
    assert not store.warnings


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
    assert "holds 0.5, which is no class" in refusal("csv", tmp_path / "t.csv", label="y")


def test_later_tables_are_matched_by_name(tmp_path: Path) -> None:
    known = read(tmp_path, "a,b,c\n1,2,3.5\n4,5,6\n").known
    later = read(tmp_path, "c,a,extra,b\n3,1,9,2\n", known)
    assert later.x.tolist() == [[1, 2, 3]]
    assert "left out: extra" in later.notes[0]
    assert "no header" in read(tmp_path, "1,2,3\n", known).notes[0]
    with pytest.raises(UsageError, match="lacks 2 columns that the model was trained on: b, c"):
        read(tmp_path, "a,d,e\n1,2,3\n", known)
    numbered = read(tmp_path, "0,1,2\n" + BODY).known  # names that are numbers, in another order
    assert read(tmp_path, "2,0,1\n30,10,20\n", numbered).x.tolist() == [[10, 20, 30]]


def test_a_table_takes_little_more_memory_than_its_numbers(tmp_path: Path) -> None:
    rows = RNG.integers(0, 256, (4000, 200))
    text = "\n".join(",".join(map(str, row)) for row in rows.tolist())
    tracemalloc.start()
    table = read(tmp_path, text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(table.x, rows)
    assert peak < 3 * len(text) + 30_000_000
