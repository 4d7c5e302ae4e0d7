"""The checks of a training step, and the ratio of a gradient to the finite difference of its loss."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from genzoo_plugins.vae.m2_vae import M2
from genzoo_plugins.vae.vae import VAE
from torch import nn

from genzoo.core.dataset import DataSpec
from genzoo.registry.current import HERE, Entry, registry
from genzoo.testing import CHECKS, SPECS, Pair
from genzoo.testing.training_step_checks import gradient_ratio, is_game


def test_batch_normalisation_is_no_fault() -> None:
    """It needs two examples in training mode, and the trainer makes a batch of one only if asked to."""

    class Normalised(VAE):
        def make_encoder(self, outputs: int) -> nn.Module:
            *first, last = super().make_encoder(outputs).children()
            return nn.Sequential(*first, nn.BatchNorm1d(400), last)

    entry = Entry("model", "normalised", Normalised, "", HERE, loss="elbo")
    pair = Pair(entry, registry().get("loss", "elbo"), SPECS["points"])
    for name in ("loss", "gradients", "batches", "graph-safe"):
        CHECKS[name](pair)


def test_the_gradient_of_a_differentiable_loss_is_its_finite_difference() -> None:
    pair = Pair.of("vae", spec=SPECS["points"])
    assert gradient_ratio(pair.perturbed(), pair) == pytest.approx(1.0, abs=0.03)
    assert not is_game(pair)


def test_a_parameter_may_be_trained_by_examples_of_unknown_class_alone() -> None:
    """q(y|x) of M2 is no part of −ln p(x|y) (Kingma et al. 2014, eq. 6); without labels nothing trains `unused`."""
    pair = Pair.of("m2-vae", "nll", SPECS["points"])
    assert CHECKS["gradients"](pair) is None

    class Unused(M2):
        def __init__(self, spec: DataSpec, config: Any) -> None:
            super().__init__(spec, config)
            self.unused = nn.Parameter(torch.ones(()))

    entry = dataclasses.replace(pair.model, target=Unused)
    with pytest.raises(AssertionError, match=r"no gradient reaches model\.unused"):
        CHECKS["gradients"](dataclasses.replace(pair, model=entry))


@pytest.mark.long
def test_a_loss_that_begins_near_its_least_value_learns_the_noise_that_it_is_given() -> None:
    """With other noise in each step its 0.8917 rises to 1.1368."""
    assert CHECKS["learns"](Pair.of("ddpm", spec=SPECS["points"])) is None


def test_signs_that_add_up_to_zero_are_a_gradient() -> None:
    """Of 16 examples the errors of one number have as many signs + as −."""
    pair = Pair.of("multimodal-vae", spec=SPECS["points"]._replace(likelihood="laplace-learned"))
    assert CHECKS["gradients"](pair) is None
