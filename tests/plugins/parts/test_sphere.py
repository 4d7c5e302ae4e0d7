"""Directions: which parts fit together, and what is refused."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.parts.sphere import VonMisesFisher
from genzoo_plugins.vae.vae import VAE

import genzoo

SPEC = genzoo.DataSpec((3,), "gaussian")


def built(prior: str, posterior: str, latent_dim: int = 3) -> VAE:
    with genzoo.seeded(0):
        return VAE(SPEC, VAE.Config(latent_dim=latent_dim, hidden=(4,), prior=prior, posterior=posterior))


@pytest.mark.parametrize(("prior", "posterior"), [("standard-normal", "vmf"), ("uniform-sphere", "diagonal")])
def test_directions_and_vectors_are_not_compared(prior: str, posterior: str) -> None:
    with pytest.raises(genzoo.UsageError, match="only one of them is of directions") as refused:
        built(prior, posterior)
    assert refused.value.hint == "directions have --posterior vmf --prior uniform-sphere"


def test_one_dimension_has_no_directions() -> None:
    with pytest.raises(genzoo.UsageError, match="directions need two dimensions"):
        built("uniform-sphere", "vmf", latent_dim=1)


def test_a_mixture_of_posteriors_is_a_prior_of_directions() -> None:
    model = built("vamp:4", "vmf")
    model.prepare(genzoo.Batch(torch.randn(8, 3)))
    prior = model.prior()
    assert prior.support == "sphere"
    torch.testing.assert_close(prior.rsample((50,)).norm(dim=1), torch.ones(50))


def test_samples_are_unit_vectors_in_single_precision_at_any_concentration() -> None:
    direction = torch.nn.functional.normalize(torch.randn(5, 4), dim=1)
    for concentration in (0.0, 1.0, 1e6):
        q = VonMisesFisher(direction, torch.full((5,), concentration))
        z = q.rsample((100,))
        torch.testing.assert_close(z.norm(dim=-1), torch.ones(100, 5))
        assert q.log_prob(z).isfinite().all()
