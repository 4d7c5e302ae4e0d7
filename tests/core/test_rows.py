"""Rows that are read a few at a time: the same values as indexing the whole array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from genzoo.core.errors import GenzooError
from genzoo.core.rows import CHUNK, Rows, chunks, in_place

VALUES = np.arange(24, dtype=np.float32).reshape(6, 2, 2)
INDEX = torch.tensor([4, 0, 5])


def test_rows_are_those_of_the_array_in_the_order_of_the_index() -> None:
    rows, x = Rows(VALUES, INDEX), torch.from_numpy(VALUES)[INDEX]
    assert (len(rows), rows.shape, rows.dtype, rows.numel()) == (3, (3, 2, 2), torch.float32, 12)
    assert torch.equal(rows[1], x[1])
    assert torch.equal(rows[-1], x[-1])
    assert torch.equal(rows[1:], x[1:])
    assert torch.equal(rows[torch.tensor([2, 2])], x[[2, 2]])
    assert [len(part) for part in rows.split(2)] == [2, 1]
    assert torch.equal(torch.cat(list(rows.split(2))), x)


def test_a_selection_of_rows_is_read_through_both_indices() -> None:
    taken = Rows(VALUES, INDEX).take(torch.tensor([2, 0]))
    assert torch.equal(taken[:], torch.from_numpy(VALUES)[[5, 4]])


def test_values_are_converted_and_multiplied_when_read() -> None:
    rows = Rows(np.array([[0], [255]], np.uint8), dtype=np.dtype(np.float32), factor=2)
    assert torch.equal(rows[:], torch.tensor([[0.0], [510.0]]))
    turned = Rows(VALUES.transpose(0, 2, 1), INDEX)  # not contiguous
    assert torch.equal(turned[:], torch.from_numpy(VALUES)[INDEX].mT)


def test_rows_are_read_into_given_memory() -> None:
    out = torch.empty(1, 2, 2)
    assert Rows(VALUES).read(torch.tensor([3]), out) is out
    assert torch.equal(out[0], torch.from_numpy(VALUES)[3])


def test_a_file_that_became_shorter_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, VALUES)
    rows = Rows(np.load(path, mmap_mode="r"))
    assert torch.equal(rows[0], torch.from_numpy(VALUES)[0])
    with path.open("r+b") as file:
        file.truncate(150)
    with pytest.raises(GenzooError, match=rf"{path} was cut short while it was in use: 150 of 224 bytes"):
        rows[0]


def test_only_mapped_arrays_become_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", VALUES)
    mapped = in_place(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert isinstance(mapped, Rows)
    assert mapped.path == tmp_path / "x.npy"
    plain = in_place(VALUES)
    assert isinstance(plain, torch.Tensor)
    assert in_place(plain) is plain


def test_chunks_are_bounded_and_complete() -> None:
    x = torch.arange(2 * CHUNK + 1)[:, None]
    parts = list(chunks(x))
    assert [len(part) for part in parts] == [CHUNK, CHUNK, 1]
    assert torch.equal(torch.cat(parts), x)
