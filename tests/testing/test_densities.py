"""The tests of samples against log-probabilities accept correct distributions and find wrong ones."""

from __future__ import annotations

from typing import Self

import pytest
import torch
from genzoo_plugins.parts.sphere import UniformSphere
from torch import Tensor

import genzoo
from genzoo.core.counts import NegativeBinomial
from genzoo.core.noise import seeded
from genzoo.testing.densities import centred, examine_distribution, examine_samples, kind_of


def gaussian(log_var: float) -> genzoo.DiagGaussian:
    return genzoo.DiagGaussian(torch.zeros(1, 3), torch.full((1, 3), log_var))


def samples(log_var: float) -> Tensor:
    with seeded(0):
        return gaussian(log_var).rsample((20_000,))


def test_a_gaussian_follows_its_density() -> None:
    with seeded(0):
        assert examine_distribution(gaussian(0.4), "q") is None
    assert kind_of(samples(0.0)) == "continuous"


@pytest.mark.parametrize(("log_var", "shift"), [(0.4, 0.0), (-0.4, 0.0), (0.0, 0.2), (0.0, -0.2)])
def test_a_wrong_scale_and_a_wrong_constant_are_found(log_var: float, shift: float) -> None:
    with seeded(0), pytest.raises(AssertionError, match=r"^q: (it does not integrate|samples do not follow)"):
        examine_samples(samples(log_var), lambda rows: gaussian(0.0).log_prob(rows) + shift, "q")


class Narrow(UniformSphere):
    """All directions alike, it says, but those of its samples are near the first axis."""

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        return torch.nn.functional.normalize(super().rsample(sample_shape) + 0.3 * torch.eye(3)[0], dim=-1)


class Dense(UniformSphere):
    """All directions alike, with a density that is a quarter too high."""

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value) + 0.25


def test_directions_follow_a_density_of_area() -> None:
    with seeded(0):
        assert examine_distribution(UniformSphere(3, like=torch.zeros(())), "p(z)") is None
        for wrong in (Narrow, Dense):
            with pytest.raises(AssertionError, match=r"^p\(z\): (it does not integrate|samples do not follow)"):
                examine_distribution(wrong(3, like=torch.zeros(())), "p(z)")


def test_probabilities_sum_to_1() -> None:
    coin = genzoo.Bernoulli(torch.tensor([[0.5, -1.0]]), event_dims=1)
    with seeded(0):
        assert examine_distribution(coin, "p") is None
        own = coin.rsample((4000,))
        assert kind_of(own) == "discrete"
        with pytest.raises(AssertionError, match=r"the probabilities of all values sum to 0\.6"):
            examine_samples(own, lambda rows: coin.log_prob(rows) - 0.5, "p")


def test_a_mean_that_is_not_that_of_the_samples_is_found() -> None:
    class Shifted(genzoo.DiagGaussian):
        def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
            return super().rsample(sample_shape) + 0.3

    shifted = Shifted(torch.zeros(1, 3), torch.zeros(1, 3))
    with seeded(0):
        centred(gaussian(0.0), "q", loose=0.02)
        with pytest.raises(AssertionError, match=r"q: mean is 0, but its samples have the mean 0\.[23]"):
            centred(shifted, "q", loose=0.02)


def test_a_mean_of_counts_that_samples_hardly_show_is_not_held_against_them() -> None:
    def counts(log_freedom: float, shift: float = 0.0) -> NegativeBinomial:
        class Shifted(NegativeBinomial):
            @property
            def mean(self) -> Tensor:
                return super().mean * (1 + shift)

        return Shifted(torch.full((1, 3), -2.0), torch.full((1, 3), log_freedom), event_dims=1)

    with seeded(0):
        centred(counts(-12.0), "p", loose=0.02)
        centred(counts(0.0), "p", loose=0.02)
        with pytest.raises(AssertionError, match=r"p: mean is 0\.27\d+, but its samples have the mean 0\.1"):
            centred(counts(0.0, shift=1.0), "p", loose=0.02)


class Numbers(genzoo.Distribution):
    """A whole number below a million, all equally probable; it knows no other values."""

    measure = "probability"

    def __init__(self, each: float) -> None:
        super().__init__(event_dims=1)
        self.each = each

    @property
    def shape(self) -> torch.Size:
        return torch.Size([1])

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        return torch.randint(1_000_000, (*sample_shape, 1)).double()

    def log_prob(self, value: Tensor) -> Tensor:
        assert bool((value == value.round()).all()), "a value that it does not have"
        return torch.full(value.shape[:-1], self.each, dtype=torch.float64).log()

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        raise ValueError("no batch axis")


def test_a_probability_is_asked_for_its_own_values_alone() -> None:
    """Even if hardly two of its samples are equal, as of a density."""
    with seeded(0):
        assert examine_distribution(Numbers(1e-6), "p(z)") is None
        with pytest.raises(AssertionError, match="the probabilities of all values sum to"):
            examine_distribution(Numbers(1e-2), "p(z)")
