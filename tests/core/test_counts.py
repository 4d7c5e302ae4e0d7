"""Distributions of counts in single precision, and their gradients."""

from __future__ import annotations

import math

import pytest
import scipy.special
import torch

from genzoo.core.counts import LARGE, NEAR, NegativeBinomial, ZeroInflated, beyond_stirling, deviance


def test_what_stirling_leaves_out_is_that_of_ln_gamma_on_both_sides_of_the_switch() -> None:
    t = torch.tensor([1e-3, 0.5, 3.0, LARGE - 1e-6, LARGE + 1e-6, 50.0, 1e3], dtype=torch.float64)
    torch.testing.assert_close(beyond_stirling(t), torch.lgamma(t) - (t - 0.5) * t.log() + t, rtol=0, atol=3e-8)


@pytest.mark.parametrize("log_freedom", [-3.0, 0.0, 12.0])
def test_single_precision_is_near_double(log_freedom: float) -> None:
    x = torch.tensor([0.0, 1.0, 7.0, 900.0])
    raw = torch.full((4,), 2.0), torch.full((4,), log_freedom)
    single = NegativeBinomial(*raw, event_dims=0).log_prob(x)
    double = NegativeBinomial(*(part.double() for part in raw), event_dims=0).log_prob(x.double())
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("log_freedom", [-12.0, -3.0, 0.0, 6.0, 12.0])
@pytest.mark.parametrize("log_mean", [-20.0, 0.0, 3.0, 10.0, 14.0])
def test_large_counts_are_as_precise_as_small_ones(log_mean: float, log_freedom: float) -> None:
    mean, r = math.exp(log_mean), math.exp(log_freedom)
    spread = math.sqrt(mean + mean**2 / r)
    x = torch.tensor([0, 1, 7, 8, 9, mean, mean + spread, max(mean - spread, 0), mean + 0.05 * spread]).round()
    x = x[x < 2**24]  # others are no whole numbers in single precision
    found = NegativeBinomial(torch.tensor(log_mean), torch.tensor(log_freedom), event_dims=0).log_prob(x)
    mean, r = math.exp(torch.tensor(log_mean)), math.exp(torch.tensor(log_freedom))
    ways = [math.lgamma(count + r) - math.lgamma(r) - math.lgamma(count + 1) for count in x.tolist()]
    expected = (
        torch.tensor(ways, dtype=torch.float64) + x.double() * math.log(mean / (r + mean)) - r * math.log1p(mean / r)
    )
    torch.testing.assert_close(found.double(), expected, rtol=3e-6, atol=3e-4)


@pytest.mark.parametrize("e", [-1 + 1e-6, -0.3, -NEAR, -0.05, 1e-4, 0.07, NEAR, 2.0, 1e6])
def test_the_deviance_on_both_sides_of_the_switch(e: float) -> None:
    exact = float(scipy.special.xlog1py(1 + e, e) - e) if abs(e) > 1e-3 else e**2 / 2 - e**3 / 6
    found = [deviance(torch.tensor(e * near)).item() for near in (1 - 1e-6, 1, 1 + 1e-7)]
    assert found == pytest.approx([exact] * 3, rel=1e-4 if abs(e) < 2 else 1e-5)


def test_gradients_are_finite_where_a_branch_is_not_used() -> None:
    parts = [torch.tensor([1.0, -2.0, 3.0]).requires_grad_() for _ in range(3)]
    p = ZeroInflated(NegativeBinomial(parts[0], parts[1], event_dims=1), parts[2])
    p.log_prob(torch.tensor([0.0, 4.0, 2000.0])).backward()
    assert all(part.grad is not None and bool(part.grad.isfinite().all()) for part in parts)


def test_values_of_another_shape_are_refused() -> None:
    p = NegativeBinomial(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="does not line up"):
        p.log_prob(torch.zeros(3, 1))
    assert p.log_prob(torch.zeros(3)).tolist() == pytest.approx([-3 * math.log(2)] * 2)
