"""What is stored beside metrics: signs, and copies that tables leave out."""

from __future__ import annotations

from typing import Any

from genzoo.runs.details import original_of, sign, without_copies

NAMES = ["negative_elbo", "kl", "nll"]
LATENT: dict[str, Any] = {
    "negative_elbo": 5.0,
    "kl": 1.0,
    "nll": 5.0,
    "details": {"nll": {"exactness": "bound", "same_as": "negative_elbo"}},
}
DENSITY: dict[str, Any] = {"negative_elbo": None, "kl": None, "nll": 4.0, "details": {"nll": {"exactness": "exact"}}}
FORMER: dict[str, Any] = {"negative_elbo": 6.0, "kl": 1.0}


def test_a_bound_has_a_sign_and_an_exact_value_none() -> None:
    assert (sign(LATENT, "nll"), sign(DENSITY, "nll"), sign(LATENT, "kl")) == ("≤ ", "", "")
    assert sign({"details": {"nll": {"exactness": "estimate"}}}, "nll") == "≈ "
    for damaged in ({}, {"details": 3}, {"details": {"nll": 3}}, {"details": {"nll": {"exactness": 3}}}):
        assert sign(damaged, "nll") == ""


def test_a_copy_is_one_only_where_both_have_values() -> None:
    assert original_of(LATENT, "nll") == "negative_elbo"
    assert original_of({**LATENT, "negative_elbo": None}, "nll") == ""
    assert original_of(DENSITY, "nll") == ""


def test_of_two_equal_columns_the_one_that_shows_more_stays() -> None:
    assert without_copies([LATENT, LATENT], NAMES) == ["negative_elbo", "kl"]
    assert without_copies([LATENT, DENSITY], NAMES) == ["kl", "nll"]
    assert without_copies([DENSITY], NAMES) == NAMES
    assert without_copies([LATENT, DENSITY, FORMER], NAMES) == NAMES  # the former run has no other
    assert without_copies([FORMER], ["negative_elbo", "kl"]) == ["negative_elbo", "kl"]
