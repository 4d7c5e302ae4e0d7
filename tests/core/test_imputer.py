"""The density of single values of a distribution."""

from __future__ import annotations

import torch
from torch.distributions import Bernoulli, Normal

import genzoo
from genzoo.core.imputer import each_value
from genzoo.core.noise import seeded


def test_independent_values_have_a_density_each() -> None:
    with seeded(0):
        mean, logits = torch.randn(5, 1, 3, 3), torch.randn(5, 1, 3, 3)
        x = torch.randn(5, 1, 3, 3)
        bits = (torch.rand(5, 1, 3, 3) < 0.5).float()
    found = each_value(genzoo.DiagGaussian(mean, -1.0, event_dims=3), x)
    torch.testing.assert_close(found, Normal(mean, torch.tensor(-0.5).exp()).log_prob(x))
    found = each_value(genzoo.Bernoulli(logits, event_dims=3), bits)
    torch.testing.assert_close(found, Bernoulli(logits=logits).log_prob(bits))


def test_values_that_depend_on_each_other_have_none() -> None:
    parts = genzoo.DiagGaussian(torch.randn(5, 2, 3), 0.0)
    assert each_value(genzoo.Mixture(parts, torch.zeros(2)), torch.randn(5, 3)) is None
