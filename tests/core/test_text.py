"""Numbers as text."""

from __future__ import annotations

import math

import pytest

from genzoo.core.text import number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"), (-12.0, "-12"), (0.0, "0"), (1e6, "1000000.00"),
        (103.456, "103.46"), (9.87654, "9.8765"), (0.123456, "0.1235"), (0.0123456, "0.01235"),
        (math.nan, "nan"), (-math.inf, "-inf"), ("nan", "nan"),
    ],
)  # fmt: skip
def test_a_number_has_at_least_four_digits_and_large_ones_two_decimals(value: float | str, text: str) -> None:
    assert number(value) == text
