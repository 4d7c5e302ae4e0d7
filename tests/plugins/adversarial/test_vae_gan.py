"""What the model of vae-gan makes of likelihoods whose spread its loss does not train."""

from __future__ import annotations

import pytest
from genzoo_plugins.adversarial.vae_gan import VAEGAN

import genzoo


@pytest.mark.parametrize(
    ("likelihood", "kept"),
    [("bernoulli", "bernoulli"), ("gaussian:0.1", "gaussian:0.1"), ("gaussian-learned", "gaussian:1")],
)
def test_a_spread_that_nothing_trains_is_one(likelihood: str, kept: str) -> None:
    model = VAEGAN(genzoo.DataSpec((2,), likelihood, size=10), VAEGAN.Config(hidden=(4,)))
    assert model.head.name.startswith(kept)
    assert not list(model.head.parameters())
