"""The comparison of two samples finds different locations and spreads, and accepts equal distributions."""

from __future__ import annotations

import torch

from genzoo.testing import CHECKS, SPECS, Pair
from genzoo.testing.sampling_checks import can_sample, differs


def test_two_samples_of_one_distribution_do_not_differ() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(2000, 4, generator=generator) for _ in range(2))
    assert differs(one, other) == ""
    assert differs(one, other + 0.5).startswith("they differ in location, ")
    assert differs(one, 2 * other).startswith("they differ in spread, ")


def test_a_model_without_a_prior_cannot_sample() -> None:
    assert can_sample(Pair.of("vae").build())
    assert not can_sample(Pair.of("ae").build())


def test_a_correct_model_passes() -> None:
    pair = Pair.of("vae", spec=SPECS["points"])
    assert CHECKS["sampling"](pair) is None
    assert CHECKS["drawn"](pair) is None
