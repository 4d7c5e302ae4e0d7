"""The penalty of DIP-VAE."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.vae import dip_vae

from genzoo.testing import Pair
from genzoo.testing.pair import loss_of


def test_small_covariances_are_not_lost_beside_variances(monkeypatch: pytest.MonkeyPatch) -> None:
    """The squares of 20 variances of 10 add up to 2000, of which float32 resolves 1e-4; those of all covariances of
    1e-3 add up to 3.8e-4."""
    pair = Pair.of("dip-vae")
    size = pair.build().model.config.latent_dim
    c = torch.full((size, size), 1e-3) + 9.999 * torch.eye(size)
    monkeypatch.setattr(dip_vae, "covariance", lambda *_: c)
    terms = loss_of(pair.build(), pair.batch(4))
    assert terms["covariances"].item() == pytest.approx(size * (size - 1) * 1e-6, rel=1e-5)
    assert terms["variances"].item() == pytest.approx(size * 81, rel=1e-5)
