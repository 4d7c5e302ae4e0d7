"""Searches: trials that processes share."""

from __future__ import annotations

import sys

import pytest

from genzoo.core.errors import UsageError
from genzoo.experiment import search
from genzoo.experiment.search import as_typed, is_cost


def test_values_are_typed_with_four_digits() -> None:
    assert [as_typed(value) for value in (0.00123456, 12, "64,32", 1e-05)] == ["0.001235", "12", "64,32", "1e-05"]


def test_an_outcome_is_a_cost_or_a_reason() -> None:
    assert [is_cost(text) for text in ("1.5", "-2", "pruned", "nan", "inf", "")] == [True, True, *[False] * 4]


def test_without_optuna_one_line_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match="--search needs Optuna") as error:
        search.refuse_without_optuna()
    assert error.value.hint == 'pip install "genzoo[sweep]"'
