"""Autoencoders with a prior: no KL, and samples of the prior."""

from __future__ import annotations

import torch
from genzoo_plugins.autoencoders.with_prior import AEWithPrior, prior_samples

import genzoo
from genzoo.core.noise import content_keys, keyed
from genzoo.testing import SPECS, Pair
from genzoo.testing.pair import loss_of


def test_a_point_posterior_has_no_bound() -> None:
    pair = Pair.of("aae", "elbo", SPECS["points"])
    assert set(loss_of(pair.build(), pair.batch(4))) == {"loss", "reconstruction"}


def test_draws_of_the_prior_are_keyed_by_example() -> None:
    model = AEWithPrior(SPECS["vectors"], AEWithPrior.Config(latent_dim=3))
    x = torch.randn(6, 5)
    with torch.no_grad():
        z = model.encode(x)
        with keyed(content_keys(x)):
            whole = prior_samples(model.prior(), z)
        with keyed(content_keys(x[2:3])):
            alone = prior_samples(model.prior(), z[2:3])
    torch.testing.assert_close(whole[2:3], alone)
    assert isinstance(model.prior(), genzoo.StandardNormal)
