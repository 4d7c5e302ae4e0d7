"""Arrays and tables of a program as a dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from genzoo_plugins.own_data import arrays
from genzoo_plugins.own_data.arrays import Arrays

from genzoo.core.errors import UsageError
from genzoo.data.store import Store

RNG = np.random.Generator(np.random.Philox(0))
VECTORS = RNG.normal(size=(20, 3))
BYTES = RNG.integers(0, 256, (20, 4, 4), np.uint8)
NAMES = ["u", "v"] * 10


class Table(dict[str, Any]):
    """Like a DataFrame: named columns, each an array."""

    columns = property(lambda self: list(self))

    def to_numpy(self) -> None: ...


def table(**more: Any) -> Table:
    return Table({"a": VECTORS[:, 0], "b": np.arange(20), **more})


def kept(x: Any, labels: Any = None, **options: Any) -> Any:
    return Arrays(Arrays.Config(**Arrays.keep(x, labels), **options))


def test_vectors_are_cut_as_those_of_files_are() -> None:
    data = kept(VECTORS, NAMES, validation=0.2)
    splits = data.load(store := Store(say=lambda line: None))
    assert [len(part.x) for part in splits] == [14, 4, 2]
    every = torch.cat([part.x for part in splits])
    assert torch.equal(every.sort(0).values, torch.from_numpy(VECTORS).float().sort(0).values)
    assert data.spec.class_names == ("u", "v")
    assert store.found["arrays"].source == "given in Python: x float64 [20, 3], 2 classes"


def test_images_are_stored_as_those_of_files_are() -> None:
    data = kept(torch.from_numpy(BYTES))
    assert data.spec.shape == (1, 4, 4)
    assert data.read().train.x.dtype == torch.uint8
    assert torch.equal(data.read().train.x[:, 0], torch.from_numpy(BYTES))


def test_the_contents_are_the_name() -> None:
    name = Arrays.keep(VECTORS)
    assert Arrays.keep(torch.from_numpy(VECTORS)) == name
    assert Arrays.keep(VECTORS, NAMES) != name
    assert Arrays.keep(VECTORS[::-1]) != name


def test_what_the_program_changes_later_is_not_changed_here() -> None:
    x = VECTORS.astype(np.float32)
    data = kept(x)
    x += 1
    assert data.read().train.x.numpy() == pytest.approx(VECTORS, abs=1e-6)


def test_arrays_used_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "MOST", 2)
    monkeypatch.setattr(arrays, "_kept", type(arrays._kept)())
    first, second = kept(VECTORS), kept(VECTORS + 1)
    Arrays.keep(VECTORS)
    Arrays.keep(VECTORS + 2)
    assert len(first.read().train.x) == 20
    with pytest.raises(UsageError, match="were given to another process") as refused:
        second.read()
    assert "genzoo.resume(RUN, data=x)" in refused.value.hint


def test_columns_of_a_table_keep_their_names() -> None:
    data = kept(table(kind=np.array(NAMES, dtype=object)), "kind", scale="standard")
    assert data.form.columns == ("a", "b")
    assert data.form.places == (0, 1)
    assert data.form.width == 3
    assert data.spec.class_names == ("u", "v")
    assert float(data.read().train.x.std()) == pytest.approx(1, abs=0.3)


MISSING = VECTORS.copy()
MISSING[3, 1] = np.nan


@pytest.mark.parametrize(
    ("x", "labels", "message"),
    [
        (VECTORS[0], None, "x has shape [3], and no axis of examples"),
        (VECTORS[None, None, None], None, "x has shape [1, 1, 1, 20, 3]"),
        (MISSING, None, "x holds nan at [3, 1]; 1 of 20 examples are not finite"),
        (VECTORS.astype(object), None, "x holds objects (dtype object), not numbers"),
        (VECTORS[:, None], None, "x holds values from"),
        (VECTORS, NAMES[:5], "labels is <U1 [5], not one class for each example"),
        (VECTORS, VECTORS[:, 0], "labels is float64 [20], not one class for each example"),
        (table(kind=np.array(NAMES)), None, "column kind holds 'u', not numbers"),
        (table(kind=np.array([*NAMES[:19], None], dtype=object)), "kind", "column kind is object [20], not one class"),
        (table(c=MISSING[:, 1]), None, "column c has no number in 1 of 20 rows"),
        (table(), "kind", "labels: x has no column 'kind'"),
        (Table(), None, "x has no column of numbers"),
    ],
)
def test_wrong_arrays_are_refused_with_a_way_out(x: Any, labels: Any, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        Arrays.keep(x, labels)
    assert refused.value.message.startswith(message)
    assert refused.value.hint


def test_without_arrays_the_dataset_says_how_to_give_them() -> None:
    with pytest.raises(UsageError, match="none was given") as refused:
        _ = Arrays(Arrays.Config()).spec
    assert "genzoo.run(MODEL, x)" in refused.value.hint


@pytest.mark.long
def test_a_table_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(dict(table(kind=np.array(NAMES))))
    assert Arrays.keep(frame.astype({"kind": "category"}), "kind") == Arrays.keep(table(kind=np.array(NAMES)), "kind")
    frame.loc[3, "a"] = None
    with pytest.raises(UsageError, match="column a has no number in 1 of 20 rows"):
        Arrays.keep(frame, "kind")
