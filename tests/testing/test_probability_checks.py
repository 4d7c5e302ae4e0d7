"""The checks of distributions and loss terms accept a correct model and find a wrong one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import genzoo
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
