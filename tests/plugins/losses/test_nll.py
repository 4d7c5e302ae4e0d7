"""Maximum likelihood: the loss is the mean of minus log_prob, given the classes of conditional models alone."""

from __future__ import annotations

import torch
from genzoo_plugins.losses.nll import NLL
from torch import Tensor

import genzoo


class Linear(genzoo.Density):
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return x.sum(1) if y is None else x.sum(1) + 100 * y


class GivenClass(Linear):
    conditional = True


def test_it_is_the_mean_over_examples_and_classes_are_given_to_conditional_models_alone() -> None:
    spec, step = genzoo.DataSpec((3,), "gaussian", classes=2), torch.tensor(0)
    batch = genzoo.Batch(torch.randn(6, 3), torch.tensor([0, 1, 1, 0, 1, 0]))
    for kind, given in ((Linear, 0.0), (GivenClass, 50.0)):
        model = kind(spec, None)
        (term,) = NLL(model, NLL.Config())(model, batch, step).values()
        torch.testing.assert_close(term, -(batch.x.sum(1).mean() + given))


def test_models_without_a_density_are_refused() -> None:
    reason = NLL.refuses(genzoo.LatentModel(genzoo.DataSpec((3,), "gaussian"), None))
    assert reason == "it needs a Density, and LatentModel is not one"
