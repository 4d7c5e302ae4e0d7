"""The weights of a loss's terms, by least squares."""

from __future__ import annotations

import math

import pytest
import torch

from genzoo.testing import SPECS, Pair
from genzoo.testing.loss_weight_checks import check_weighed, solve


def rows(loss: str) -> list[dict[str, float]]:
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(12):
        a, b = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        value = {"weighted": a + 4 * b + 3, "nonlinear": a * b + math.exp(b)}[loss]
        found.append({"loss": value, "its reconstruction": a, "its KL": b, "negative_elbo": a + b})
    return found


def test_the_weights_of_a_sum_are_found() -> None:
    weights = solve(rows("weighted"))
    assert weights == pytest.approx({"a constant": 3.0, "its reconstruction": 1.0, "its KL": 4.0})


def test_a_loss_that_is_not_a_sum_has_no_weights() -> None:
    assert solve(rows("nonlinear")) is None


def test_random_weights_that_overflow_hide_no_other_ones() -> None:
    """Of twelve random settings one has a loss of 1e19 and another of 6e6, beside 8 to 10,000 of the others."""
    assert check_weighed(Pair.of("sa-vae", spec=SPECS["points"])) is None


def test_beta_is_the_weight_of_the_kl() -> None:
    assert check_weighed(Pair.of("beta-vae", spec=SPECS["points"])) is None
