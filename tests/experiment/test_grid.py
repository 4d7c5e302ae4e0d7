"""Grids: how options and values are typed, and which combinations there are."""

from __future__ import annotations

import pytest

from genzoo.core.errors import UsageError
from genzoo.experiment.grid import Axis, axis, combinations, words


@pytest.mark.parametrize(
    ("text", "option", "values"),
    [
        ("beta=1,2,4", "--beta", ("1", "2", "4")),
        ("--latent-dim= 2 , 10,2", "--latent-dim", ("2", "10")),
        ("latent_dim=2", "--latent-dim", ("2",)),
        ("data.classes=1,2", "--data.classes", ("1", "2")),
        ("hidden=64,32|128", "--hidden", ("64,32", "128")),
        ("optimizer=adam,adamw:0.01", "--optimizer", ("adam", "adamw:0.01")),
    ],
)
def test_an_option_and_its_values(text: str, option: str, values: tuple[str, ...]) -> None:
    assert axis(text) == Axis(option, values)


@pytest.mark.parametrize("text", ["beta", "beta=", "=1,2", "beta=,", "beta=|", "--=1"])
def test_what_is_no_axis_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="an option and its values are needed"):
        axis(text)


def test_a_range_is_for_a_search() -> None:
    with pytest.raises(UsageError, match="a grid has no ranges") as error:
        axis("lr=1e-4..1e-2")
    assert "--search lr=1e-4..1e-2" in error.value.hint


def test_every_combination_once_and_the_last_option_changes_first() -> None:
    found = combinations([axis("beta=1,2"), axis("hidden=8|16,16"), axis("flip=true,false")])
    assert len(found) == len({tuple(one.items()) for one in found}) == 8
    assert [words(one.items()) for one in found[:3]] == [
        ["--beta", "1", "--hidden", "8", "--flip"],
        ["--beta", "1", "--hidden", "8", "--no-flip"],
        ["--beta", "1", "--hidden", "16", "16", "--flip"],
    ]
    assert words([("--data.flip", "false")]) == ["--data.no-flip"]


def test_too_many_and_twice_the_same_are_refused() -> None:
    with pytest.raises(UsageError, match="--beta is in the grid twice"):
        combinations([axis("beta=1"), axis("beta=2")])
    with pytest.raises(UsageError, match="15,625 combinations"):
        combinations([axis(f"{name}=1,2,3,4,5") for name in "abcdef"])
