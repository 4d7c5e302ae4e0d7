"""The checks of distributions and loss terms accept a correct model and find a wrong one."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from genzoo_plugins.vae.iwae import ImportanceWeighted
from torch import Tensor

import genzoo
from genzoo.registry.current import HERE
from genzoo.registry.entries import Entry
from genzoo.testing import CHECKS, SPECS, Pair, assert_mean_over_examples
from genzoo.training.objective import Objective


class Summed(genzoo.Loss):
    """A sum over the batch instead of a mean."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        return {"loss": batch.x.square().flatten(1).sum(1).sum()}


class Averaged(genzoo.Loss):
    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        return {"loss": batch.x.square().flatten(1).sum(1).mean()}


def test_a_sum_over_the_batch_is_not_a_mean_over_examples() -> None:
    model = genzoo.Model(SPECS["vectors"], None)
    batch = genzoo.Batch(torch.rand(8, 5, generator=torch.Generator().manual_seed(0)))
    with pytest.raises(AssertionError, match=r"loss is .* for a batch of 8 and .* as the mean of its examples"):
        assert_mean_over_examples(Objective(model, Summed(model, None)), batch)
    assert_mean_over_examples(Objective(model, Averaged(model, None)), batch)


@pytest.mark.parametrize("check", ["density", "posterior", "prior", "kl", "scored", "batches"])
def test_a_correct_model_passes(check: str) -> None:
    assert CHECKS[check](Pair.of("vae", spec=SPECS["points"])) is None


class Tighter(ImportanceWeighted):
    """A loss whose only term is a tighter bound than the model's, as one that sums over a latent class exactly."""

    scale = 1.0

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        loss = super().forward(model, batch, step)["loss"]
        return {"loss": loss, "negative_elbo": self.scale * loss.detach()}


class Halved(Tighter):
    scale = 0.5


class Doubled(Tighter):
    scale = 2.0


def of_bound(loss: type[genzoo.Loss]) -> Pair:
    pair = Pair.of("vae", spec=SPECS["points"])
    return dataclasses.replace(pair, loss=Entry("loss", "mine", loss, "", HERE))


def test_a_bound_may_be_tighter_than_the_models_and_no_other() -> None:
    assert CHECKS["scored"](of_bound(Tighter)) is None
    for wrong in (Halved, Doubled):
        with pytest.raises(AssertionError, match=r"the loss's 'negative_elbo' is .* by the model's infer it is"):
            CHECKS["scored"](of_bound(wrong))
