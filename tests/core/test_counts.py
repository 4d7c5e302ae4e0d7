"""Distributions of counts in single precision, and their gradients."""

from __future__ import annotations

import math

import pytest
import torch

from genzoo.core.counts import LARGE, NegativeBinomial, ZeroInflated, beyond_stirling


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
