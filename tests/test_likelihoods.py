"""Likelihood heads against the numbers theory gives."""

from __future__ import annotations

import math

import pytest
import torch

from genzoo.distributions import Bernoulli, DiagGaussian
from genzoo.errors import UsageError
from genzoo.likelihoods import LIKELIHOODS, make_likelihood

IMAGES = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
BITS = (IMAGES > 0.5).double()


def test_a_coin_for_each_pixel_costs_784_ln_2() -> None:
    px = make_likelihood("bernoulli")(torch.zeros(6, 1, 28, 28, dtype=torch.float64))
    cost = -px.log_prob(BITS)
    assert cost.shape == (6,)
    torch.testing.assert_close(cost, torch.full((6,), 784 * math.log(2), dtype=torch.float64), rtol=1e-13, atol=0)
    assert abs(cost[0].item() - 543.427) < 1e-3


def test_bernoulli_puts_out_probabilities() -> None:
    px = make_likelihood("bernoulli")(torch.tensor([[-1000.0, 0.0, 1000.0]]))
    assert isinstance(px, Bernoulli)
    assert px.mean.tolist() == [[0, 0.5, 1]]
    assert px.log_prob(torch.tensor([[0.0, 1.0, 1.0]])).item() == pytest.approx(-math.log(2))
    assert px.log_prob(torch.tensor([[1.0, 1.0, 1.0]])).item() == pytest.approx(-1000 - math.log(2))


@pytest.mark.parametrize(("name", "sigma"), [("gaussian", 1.0), ("gaussian:0.1", 0.1), ("gaussian:3e-2", 0.03)])
def test_gaussian_keeps_every_constant(name: str, sigma: float) -> None:
    raw = torch.zeros_like(IMAGES)
    px = make_likelihood(name)(raw)
    assert isinstance(px, DiagGaussian)
    expected = (IMAGES**2).flatten(1).sum(1) / (2 * sigma**2) + 784 * (math.log(sigma) + 0.5 * math.log(2 * math.pi))
    torch.testing.assert_close(-px.log_prob(IMAGES), expected, rtol=1e-12, atol=0)
    assert torch.equal(px.mean, raw)


def test_learned_sigma_rests_exactly_at_the_mean_squared_error() -> None:
    head = make_likelihood("gaussian-learned").double()
    ((name, log_var),) = head.named_parameters()
    assert (name, log_var.shape, log_var.item()) == ("log_var", (), 0.0)
    error = (IMAGES**2).mean()
    gradients = []
    for factor in (0.5, 1.0, 2.0):
        with torch.no_grad():
            log_var.copy_(torch.log(factor * error))
        loss = -head(torch.zeros_like(IMAGES)).log_prob(IMAGES).mean()
        gradients.append(torch.autograd.grad(loss, log_var)[0].item())
    # d(−ln p)/d ln σ² = D/2·(1 − MSE/σ²)
    assert gradients == pytest.approx([-392, 0, 196], abs=1e-10)


def test_at_the_best_sigma_the_cost_is_half_d_ln_2_pi_e_mse() -> None:
    head = make_likelihood("gaussian-learned").double()
    error = (IMAGES**2).mean()
    head.log_var.data.fill_(error.log())
    cost = -head(torch.zeros_like(IMAGES)).log_prob(IMAGES).mean()
    assert cost.item() == pytest.approx(392 * math.log(2 * math.pi * math.e * error.item()), rel=1e-12)


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_half_precision_is_left_before_the_density(name: str) -> None:
    px = make_likelihood(name)(torch.zeros(2, 5, dtype=torch.bfloat16))
    assert px.mean.dtype == torch.float32
    assert px.log_prob(torch.zeros(2, 5)).dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bernouli", r"no likelihood named 'bernouli'. Did you mean 'bernoulli'\?"),
        ("", "no likelihood named ''"),
        ("bernoulli:2", "--likelihood bernoulli:2: bernoulli takes no argument"),
        ("gaussian-learned:1", "--likelihood gaussian-learned:1: gaussian-learned takes no argument"),
        ("gaussian:0", "--likelihood gaussian:0: σ must be a positive number"),
        ("gaussian:-1", "--likelihood gaussian:-1: σ must be a positive number"),
        ("gaussian:nan", "--likelihood gaussian:nan: σ must be a positive number"),
        ("gaussian:inf", "--likelihood gaussian:inf: σ must be a positive number"),
        ("gaussian:wide", "--likelihood gaussian:wide: σ must be a positive number"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        make_likelihood(name)
    assert "\n" not in caught.value.message
    assert caught.value.hint
