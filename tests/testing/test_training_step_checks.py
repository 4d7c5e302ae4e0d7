"""The checks of a training step, and the ratio of a gradient to the finite difference of its loss."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from genzoo_plugins.vae.m2_vae import M2
from genzoo_plugins.vae.vae import VAE
from torch import Tensor, nn

import genzoo
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


class Optimal(genzoo.Loss):
    """E (w·ε − ε′)² of independent noise, which is least at the w = 0 that it begins with."""

    sign = 1.0

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        self.w = nn.Parameter(torch.zeros(()))

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        noise, other = torch.randn(2, len(batch.x))
        rest = model.anchor.square().sum() * 0 + sum(0 * part.sum() for part in model.parameters())
        towards = self.sign * self.w + (1 - self.sign) * self.w.detach()  # its gradient has this sign
        return {"loss": (towards * noise - other).square().mean() + rest}


class Reversed(Optimal):
    sign = -1.0


def test_a_loss_that_begins_at_its_least_value_learns_the_noise_that_it_is_given() -> None:
    vae = registry().get("model", "vae")
    with pytest.raises(AssertionError, match="30 steps of Adam change the loss from"):
        CHECKS["learns"](Pair(vae, Entry("loss", "reversed", Reversed, "", HERE), SPECS["points"]))
    assert CHECKS["learns"](Pair(vae, Entry("loss", "optimal", Optimal, "", HERE), SPECS["points"])) is None
