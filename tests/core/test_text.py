"""Numbers as text."""

from __future__ import annotations

import math

import pytest

from genzoo.core.text import number, significant


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (158.3, 2, "160"), (291.0, 2, "290"), (33.3, 1, "30"), (3.0, 2, "3"), (0.00033, 1, "0.0003"),
        (1e-4, 1, "0.0001"), (3.3e-5, 1, "3e-5"), (-1234.5, 3, "-1230"), (1.23e20, 2, "1.2e+20"), (math.inf, 2, "inf"),
    ],
)  # fmt: skip
def test_a_rounded_number_is_written_without_an_exponent(value: float, digits: int, text: str) -> None:
    assert significant(value, digits) == text


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
