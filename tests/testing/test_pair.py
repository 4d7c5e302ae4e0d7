"""A pair of a model and a loss: its options, its data and its perturbed weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.vae import VAE

import genzoo
from genzoo.registry.current import HERE, Entry
from genzoo.testing import SPECS, Pair
from genzoo.testing.pair import loss_of


def pair_of(model: type[genzoo.Model]) -> Pair:
    model_entry = Entry("model", "under-test", model, "made for a test", HERE, loss="elbo")
    return Pair(model_entry, Entry("loss", "elbo", ELBO, "made for a test", HERE), SPECS["grey images"])


def test_a_refusal_must_give_its_reason() -> None:
    class Terse(VAE):
        def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
            raise genzoo.GenzooError("no")

    class Broken(VAE):
        def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
            raise KeyError("spec")

    with pytest.raises(AssertionError, match="no reason given: 'no'"):
        pair_of(Terse).refusal()
    with pytest.raises(KeyError):
        pair_of(Broken).refusal()
    assert pair_of(VAE).refusal() is None


def test_a_pair_has_its_registered_defaults() -> None:
    assert Pair.of("beta-vae").build().loss.config.beta == 4.0
    assert Pair.of("vae").build().loss.config.beta == 1.0
    assert Pair.of("vae", beta=2.0).build().loss.config.beta == 2.0
    assert str(Pair.of("ae", spec=SPECS["points"])) == "ae × reconstruction on 2"


def test_builds_are_equal_and_perturbed_weights_are_not() -> None:
    pair = Pair.of("vae", spec=SPECS["points"])
    first, second, perturbed = pair.build(), pair.build(), pair.perturbed()
    for one, other, moved in zip(first.parameters(), second.parameters(), perturbed.parameters(), strict=True):
        assert torch.equal(one, other)
        assert not torch.equal(one, moved)
    assert loss_of(perturbed, pair.batch(8))["loss"].isfinite()


def test_made_up_examples_have_the_form_of_the_spec() -> None:
    images = Pair.of("vae").split(5)
    assert (images.x.dtype, tuple(images.x.shape)) == (torch.uint8, (5, 1, 28, 28))
    assert images.y is not None
    assert images.y.tolist() == [0, 1, 2, 3, 4]
    vectors = Pair.of("vae", spec=SPECS["vectors"]).split(3)
    assert (vectors.x.dtype, vectors.y) == (torch.float32, None)
