"""Generated sequences, signals, views and pictures: what is known of them is true."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from registered_data import dataset, load

import genzoo
from genzoo.core.dataset import Factored

# markov


def test_the_entropy_of_the_chain_is_that_of_its_transitions() -> None:
    rate = sum(-weight * p * math.log(p) for weight, row in ((0.75, (0.9, 0.1)), (0.25, (0.3, 0.7))) for p in row)
    assert rate == pytest.approx(0.396528, abs=5e-7)
    first = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    n = 20_000
    log_p = dataset("markov").log_density(load("markov", train=n).train.x)
    error = 4 * log_p.std().item() / n**0.5
    assert -log_p.mean().item() == pytest.approx(first + 31 * rate, abs=error)


def test_the_probabilities_of_all_chains_sum_to_1() -> None:
    x = torch.tensor(list(itertools.product((0, 1, 2), repeat=6)), dtype=torch.int8)
    log_p = dataset("markov", length=6).log_density(x)
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert torch.equal(log_p == -math.inf, (x == 0).any(1))


def test_chains_are_small_integers_and_are_spelled() -> None:
    splits = load("markov", train=20, length=5)
    assert splits.train.x.dtype == torch.int8
    assert set("".join(dataset("markov", length=5).spec.spell(splits.train.x[:]))) == {"a", "b"}


# waves


def test_the_power_of_waves_is_known() -> None:
    n, options = 4000, {"length": 64, "cycles": (3, 7), "loudness": 0.2, "noise": 0.1}
    power = load("waves", train=n, **options).train.x[:].double().square().mean((1, 2))
    expected = 2 * 0.2**2 + 0.1**2
    assert power.mean().item() == pytest.approx(expected, abs=4 * power.std().item() / n**0.5)


def test_the_density_of_waves_is_that_of_their_covariance() -> None:
    """The covariance is written out from the cosines of the distance between two samples."""
    length, cycles, loudness, noise = 24, (2, 5), 0.3, 0.05
    data = dataset("waves", length=length, cycles=cycles, loudness=loudness, noise=noise)
    t = torch.arange(length, dtype=torch.float64)
    lag = t[:, None] - t
    covariance = sum(loudness**2 * torch.cos(2 * math.pi * k * lag / length) for k in cycles)
    covariance = covariance + noise**2 * torch.eye(length, dtype=torch.float64)
    x = load("waves", train=50, length=length, cycles=cycles, loudness=loudness, noise=noise).train.x[:]
    known = torch.distributions.MultivariateNormal(t.new_zeros(length), covariance).log_prob(x[:, 0].double())
    torch.testing.assert_close(data.log_density(x), known, rtol=1e-6, atol=1e-6)


def test_sines_must_be_different_and_below_half_of_the_length() -> None:
    for cycles in ((3, 3), (32,)):
        with pytest.raises(genzoo.UsageError, match="different numbers below half of the length"):
            dataset("waves", length=64, cycles=cycles)


# two-views


def test_two_views_are_linked_as_the_covariance_says() -> None:
    n = 50_000
    x = load("two-views", train=n).train.x[:].double()
    data = dataset("two-views")
    scale = data.covariance.diagonal()
    error = 5 * (scale[:, None] * scale + data.covariance.square()).sqrt() / n**0.5
    assert ((x.T @ x / n - data.covariance).abs() < error).all()
    views = data.spec.split(x)
    assert {name: tuple(view.shape[1:]) for name, view in views.items()} == {"left": (3,), "right": (2,)}
    assert torch.equal(torch.cat(list(views.values()), 1), x)


def test_the_density_of_two_views_is_that_of_left_times_right_given_left() -> None:
    """The conditional is solved by hand: N(K l, R − K L), K the regression of right on left."""
    data = dataset("two-views")
    x = load("two-views", train=40).train.x[:].double()
    cov, left, right = data.covariance, x[:, :3], x[:, 3:]
    gain = torch.linalg.solve(cov[:3, :3], cov[:3, 3:]).T
    normal = torch.distributions.MultivariateNormal
    marginal = normal(x.new_zeros(3), cov[:3, :3]).log_prob(left)
    conditional = normal(left @ gain.T, cov[3:, 3:] - gain @ cov[:3, 3:]).log_prob(right)
    torch.testing.assert_close(data.log_density(x), marginal + conditional)


# sprites


def test_all_sprites_differ_and_come_from_their_factors() -> None:
    data, splits = dataset("sprites"), load("sprites")
    assert isinstance(data, Factored)
    parts = [part for part in splits if part is not None]
    factors = torch.cat([part.factors for part in parts if part.factors is not None])
    x = torch.cat([torch.as_tensor(part.x[:]) for part in parts])
    assert len(x) == len(factors) == math.prod(data.factor_sizes) == 576
    assert len(factors.unique(dim=0)) == len(x.flatten(1).unique(dim=0)) == 576
    assert torch.equal(data.render(factors), x)
    assert torch.equal(torch.cat([part.y for part in parts if part.y is not None]), factors[:, 0])


def test_a_factor_moves_a_sprite_as_it_says() -> None:
    index = torch.tensor([[0, 1, 2, 3], [0, 1, 3, 3], [0, 1, 2, 4], [0, 2, 2, 3]])
    one, right, lower, larger = dataset("sprites").render(index)
    assert torch.equal(one.roll(1, 2), right)
    assert torch.equal(one.roll(1, 1), lower)
    assert [int(x.sum()) // 255 for x in (one, larger)] == [36, 64]
