"""A check: its expectation, its call and its assertion."""

from __future__ import annotations

import pytest

from genzoo.testing.check import Check, require


def check_positive(number: int) -> str | None:
    """The number is positive,
    or 0.

    More about it.
    """
    require(number >= 0, f"it is {number}")
    return "it is 0" if number == 0 else None


def test_a_check_passes_does_not_apply_or_raises_its_fault() -> None:
    check = Check(check_positive, "use a larger number")
    assert check.expected == "The number is positive, or 0."
    assert (check(1), check(0), check.warns) == (None, "it is 0", False)
    with pytest.raises(AssertionError, match=r"^it is -1$"):
        check(-1)
