"""Searches: where values lie, and trials that processes share."""

from __future__ import annotations

import sys

import pytest

from genzoo.core.errors import UsageError
from genzoo.experiment import search
from genzoo.experiment.search import Dimension, as_typed, dimension, is_cost


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lr=1e-4..1e-2:log", Dimension("--lr", (), 1e-4, 1e-2, log=True)),
        ("beta=0.5..2", Dimension("--beta", (), 0.5, 2.0)),
        ("latent-dim=2..32", Dimension("--latent-dim", (), 2, 32, whole=True)),
        ("latent-dim=2..32:log", Dimension("--latent-dim", (), 2, 32, log=True, whole=True)),
        ("shift=-3..-1", Dimension("--shift", (), -3, -1, whole=True)),
        ("hidden=100|200,200", Dimension("--hidden", ("100", "200,200"))),
        ("beta=1,2,1", Dimension("--beta", ("1", "2"))),
    ],
)
def test_where_the_values_of_an_option_lie(text: str, found: Dimension) -> None:
    assert dimension(text) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr", "an option and its values are needed"),
        ("lr=3", "one value is no search"),
        ("lr=a..b", "the ends of a range are numbers"),
        ("lr=2..1", "the smaller end comes first"),
        ("lr=1..1", "the smaller end comes first"),
        ("lr=0..1:log", "by its logarithm begins above 0"),
        ("lr=nan..1", "the smaller end comes first"),
    ],
)
def test_what_is_no_dimension_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dimension(text)


def test_values_are_typed_with_four_digits() -> None:
    assert [as_typed(value) for value in (0.00123456, 12, "64,32", 1e-05)] == ["0.001235", "12", "64,32", "1e-05"]


def test_an_outcome_is_a_cost_or_a_reason() -> None:
    assert [is_cost(text) for text in ("1.5", "-2", "pruned", "nan", "inf", "")] == [True, True, *[False] * 4]


def test_without_optuna_one_line_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match="--search needs Optuna") as error:
        search.refuse_without_optuna()
    assert error.value.hint == 'pip install "genzoo[sweep]"'
