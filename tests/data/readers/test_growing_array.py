"""An array that grows while it is filled."""

from __future__ import annotations

import numpy as np

from genzoo.data.readers.growing_array import GrowingArray


def test_what_was_appended_is_there_in_order() -> None:
    array, parts = GrowingArray(), [np.arange(n, n * n, dtype=np.float32) for n in (2, 3, 1, 7)]
    for part in parts:
        array.append(part)
    array.append(np.array([[8, 9], [10, 11]], np.float32))
    expected = np.concatenate([*parts, np.arange(8, 12, dtype=np.float32)])
    np.testing.assert_array_equal(array.array(), expected)
    assert array.array().dtype == np.float32


def test_nothing_is_an_empty_array() -> None:
    assert GrowingArray().array().shape == (0,)
