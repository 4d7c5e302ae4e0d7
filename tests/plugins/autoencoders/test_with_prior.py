"""Autoencoders with a prior: no KL, samples of the prior, and weights of it that leave room for codes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genzoo_plugins.autoencoders.with_prior import AdversarialCodes, AEWithPrior, prior_samples
from genzoo_plugins.mmd.mmd import MMD
from genzoo_plugins.vae.vae import VAE

import genzoo
from genzoo.core.noise import content_keys, keyed, seeded
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


@pytest.mark.parametrize("loss", ["sliced-codes", "adversarial-codes", "mmd"])
@pytest.mark.parametrize("model", ["gumbel-vae", "vq-vae", "ladder-vae"])
def test_codes_and_draws_of_the_prior_may_have_any_shape(model: str, loss: str) -> None:
    pair = Pair.of(model, loss)
    assert all(term.isfinite() for term in loss_of(pair.build(), pair.batch(4)).values())


@pytest.mark.parametrize("loss", ["denoising", "contractive"])
def test_tokens_are_no_numbers(loss: str) -> None:
    assert (Pair.of("text-vae", loss, SPECS["tokens"]).refusal() or "").endswith("numbers, and these data are tokens")


def test_discrete_codes_do_not_contract() -> None:
    found = Pair.of("gumbel-vae", "contractive").refusal()
    assert found == (
        "loss 'contractive' cannot train gumbel-vae: the codes of GumbelVAE are discrete: their derivative by x is 0"
    )


@pytest.mark.parametrize(("kind", "loss_kind"), [(AEWithPrior, AdversarialCodes), (VAE, MMD)])
def test_by_default_the_prior_leaves_room_for_codes(kind: type[Any], loss_kind: type[Any]) -> None:
    """Four numbers give sixteen pixels: by the ELBO the squared error is 0.023, and 0.25 without codes. A weight of the
    critic of 10 leaves 0.13, and λ = 1000 of MMD² leaves 0.25."""
    with seeded(2):
        batch = genzoo.Batch((torch.randn(128, 4) @ torch.randn(4, 16) > 0).float().view(-1, 1, 4, 4))
        spec = genzoo.DataSpec((1, 4, 4), "bernoulli", binary=True, size=128)
        model = kind(spec, kind.Config(latent_dim=4, hidden=(64,)))
        loss = loss_kind(model, loss_kind.Config())
        players = [loss if phase.of == "loss" else model for phase in loss.phases]
        optimizers = [torch.optim.Adam(player.parameters(), 0.01) for player in players]
        for step in range(80):
            for number, (phase, optimizer) in enumerate(zip(loss.phases, optimizers, strict=True)):
                terms = loss(model, batch, torch.tensor(step), *([number] if number else []))
                optimizer.zero_grad()
                terms[phase.term].backward()
                optimizer.step()
        with torch.no_grad():
            assert (model.decode(model.encode(batch.x)) - batch.x).square().mean().item() < 0.08
