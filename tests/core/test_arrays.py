"""Arrays of programs as arrays of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from genzoo.core.arrays import is_table, to_array
from genzoo.core.errors import UsageError


class Sparse:
    """Like a sparse matrix of SciPy: NumPy makes one object of it."""

    def toarray(self) -> None: ...


def test_tensors_and_lists_are_arrays_of_the_same_numbers() -> None:
    x = torch.rand(3, 2, requires_grad=True)
    assert np.array_equal(to_array(x, "x"), x.detach().numpy())
    assert np.array_equal(to_array(x.bfloat16(), "x"), x.bfloat16().float().detach().numpy())
    assert to_array([[1, 2], [3, 4]], "x").tolist() == [[1, 2], [3, 4]]
    assert np.shares_memory(to_array(x, "x"), x.detach().numpy())


@pytest.mark.parametrize(
    ("x", "message", "hint"),
    [
        ([[1, 2], [3]], "x is no array: ", "all rows have one length"),
        (np.array([[1, "a"]], dtype=object), "x holds objects (dtype object), not numbers", "x.astype(float)"),
        (np.array(["a"]), "x holds texts (dtype <U1), not numbers", "x.astype(float)"),
        (np.array([1j]), "x holds complex numbers (dtype complex128), not numbers", "x.astype(float)"),
        (Sparse(), "x holds objects (dtype object), not numbers", "it is sparse: x.toarray()"),
    ],
)
def test_what_holds_no_numbers_is_refused(x: Any, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        to_array(x, "x")
    assert refused.value.message.startswith(message)
    assert hint in refused.value.hint


def test_an_array_is_no_table() -> None:
    assert not is_table(np.zeros((2, 2)))
    assert not is_table(torch.zeros(2, 2))
