"""Tables as people have them: numbers of any form, with gaps, of any scale."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from own_data import RNG, dataset, load, read

from genzoo.core.errors import UsageError
from genzoo.data.store import Store


@pytest.mark.parametrize("cell", ["1_000", "1 000", "1'000", '"1,000"', '"1,234,567.8"', "1.234.567"])
def test_marks_between_thousands_are_refused(cell: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"line 3, column a: .* is not a finite number") as error:
        read(tmp_path, f"a,b\n1,2\n{cell},4\n")
    assert "between thousands" in error.value.hint


def test_other_encodings_and_truths(tmp_path: Path) -> None:
    table = read(tmp_path, "größe,b\nTrue,1\nFalse,0\n".encode("latin-1"))
    assert table.columns == ["größe", "b"]
    assert table.x.tolist() == [[1, 1], [0, 0]]
    assert "read as Latin-1" in table.notes[-1]


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
    assert warning.startswith("columns with large values: time (")
    assert "amount (0 … 2000): --data.scale=standard" in warning
    assert "small" not in warning
    store = Store(say=lambda line: None)
    dataset("csv", tmp_path / "t.csv", scale="standard").load(store)
    assert not store.warnings


@pytest.mark.parametrize(("factor", "warned"), [(1e-3, True), (0.5, False)])
def test_a_scale_far_below_one_is_a_warning(tmp_path: Path, factor: float, warned: bool) -> None:
    x = factor * RNG.standard_normal((50, 2))
    np.savetxt(tmp_path / "t.csv", np.concatenate([x, 0 * x], 1), delimiter=",", header="a,b,zero,nil", comments="")
    store = Store(say=lambda line: None)
    dataset("csv", tmp_path / "t.csv").load(store)
    assert [warning.startswith("columns with small values: ") for warning in store.warnings] == [True] * warned


@pytest.mark.long
def test_a_table_takes_little_more_memory_than_its_numbers(tmp_path: Path) -> None:
    rows = RNG.integers(0, 256, (4000, 200))
    text = "\n".join(",".join(map(str, row)) for row in rows.tolist())
    tracemalloc.start()
    table = read(tmp_path, text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(table.x, rows)
    assert peak < 3 * len(text) + 30_000_000
