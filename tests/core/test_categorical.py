"""Categorical variables and one-hot vectors: PyTorch's own formulas, and the gradients of their samples."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genzoo.core.categorical import Categorical, OneHot
from genzoo.core.distributions import DiagGaussian
from genzoo.core.noise import seeded
from genzoo.testing.densities import examine_distribution

NUMBERS = torch.Generator().manual_seed(4)


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=NUMBERS, dtype=torch.float64)


def test_a_categorical_variable_is_that_of_torch() -> None:
    one, other = Categorical(randn(4, 2, 5)), Categorical(randn(4, 2, 5))
    every = torch.cartesian_prod(torch.arange(5), torch.arange(5))[:, None].expand(-1, 4, -1)
    torch.testing.assert_close(one.log_prob(every).exp().sum(0), torch.ones(4, dtype=torch.float64))
    kl = torch.distributions.kl_divergence(*(torch.distributions.Categorical(logits=p.logits) for p in (one, other)))
    torch.testing.assert_close(one.kl_per_dim(other), kl)
    torch.testing.assert_close(one.probabilities, one.logits.softmax(-1))
    assert torch.equal(one.centre, one.logits.argmax(-1))
    assert one.kl(DiagGaussian(randn(4, 2), 0.0)) is None


def test_one_hot_vectors_have_the_law_of_their_values() -> None:
    values, other = Categorical(randn(4, 2, 5)), Categorical(randn(4, 2, 5))
    p, q = values.one_hot(), other.one_hot()
    drawn = p.rsample((7,))
    torch.testing.assert_close(p.log_prob(drawn), values.log_prob(drawn.argmax(-1)))
    terms = p.kl_per_dim(q)
    assert terms is not None
    assert float(terms.min()) >= 0
    torch.testing.assert_close(terms.sum((-2, -1)), values.kl(other))
    assert torch.equal(p.centre.argmax(-1), values.centre)
    assert p.kl(values) is None
    with seeded(0):
        assert examine_distribution(OneHot(randn(3, 2, 3)), "one-hot vectors") is None


def test_one_hot_samples_have_the_gradient_of_the_probabilities() -> None:
    logits, weights = randn(3, 2, 4).requires_grad_(), randn(3, 2, 4)
    drawn = OneHot(logits).rsample()
    assert set(drawn.flatten().tolist()) == {0.0, 1.0}
    (found,) = torch.autograd.grad((drawn * weights).sum(), logits)
    (wanted,) = torch.autograd.grad((logits.softmax(-1) * weights).sum(), logits)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_relaxed_samples_have_the_gradient_of_finite_differences(temperature: float) -> None:
    logits, weights, step = randn(2, 3), randn(2, 3), 1e-6

    def value(at: Tensor) -> Tensor:
        with seeded(1):
            return (OneHot(at, temperature, event_dims=1).rsample() * weights).sum()

    (found,) = torch.autograd.grad(value(logits.requires_grad_()), logits)
    moves = torch.eye(6, dtype=torch.float64).view(6, 2, 3) * step
    with torch.no_grad():
        wanted = torch.stack([(value(logits + move) - value(logits - move)) / (2 * step) for move in moves])
    torch.testing.assert_close(found.flatten(), wanted, rtol=1e-5, atol=1e-7)
    assert OneHot(logits, temperature).measure == "none", "no bound holds for relaxed samples"
