"""The interface of a loss: which models it refuses, and what a subclass must define."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import genzoo


class Plain(genzoo.Model):
    pass


class Latent(genzoo.LatentModel):
    def prior(self) -> Any:
        return None


class WithPrior(genzoo.LatentModel):
    def prior(self) -> Any:
        return genzoo.StandardNormal((2,), torch.zeros(()))


class OfLatent(genzoo.Loss):
    accepts = genzoo.LatentModel


class OfPrior(OfLatent):
    needs_prior = True


@pytest.mark.parametrize(
    ("loss", "model", "reason"),
    [
        (genzoo.Loss, Plain, None),
        (OfLatent, Plain, "it needs a LatentModel, and Plain is not one"),
        (OfLatent, Latent, None),
        (OfPrior, Latent, "it needs a prior p(z), and Latent has none"),
        (OfPrior, WithPrior, None),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_the_reason(
    loss: type[genzoo.Loss], model: type[genzoo.Model], reason: str | None
) -> None:
    assert loss.refuses(model(genzoo.DataSpec((2,), "gaussian"), None)) == reason


def test_a_loss_must_define_forward() -> None:
    model = Plain(genzoo.DataSpec((2,), "gaussian"), None)
    with pytest.raises(NotImplementedError, match=r"^OfLatent must define forward\("):
        OfLatent(model, None)(model, genzoo.Batch(torch.zeros(1, 2)), torch.tensor(0))
