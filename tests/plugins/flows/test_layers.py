"""The layers that all flows share."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.flows.layers import ActNorm, Autoregressive, Coupling, begin_at_zero, coupling_masks
from genzoo_plugins.flows.transforms import Affine, Spline


def test_every_dimension_is_changed_given_the_others() -> None:
    for size in (2, 3, 7):
        masks = torch.stack(coupling_masks(size, 4))
        assert not masks.all(0).any()
        assert masks.any(0).all()


def test_act_norm_standardises_the_first_batch_and_a_constant_value_stays_finite() -> None:
    x = torch.tensor([3.0, -1.0, 5.0]) + torch.tensor([4.0, 0.1, 0.0]) * torch.randn(1000, 3)
    layer = ActNorm(3)
    with torch.no_grad():
        layer.prepare(x)
        y, log_det = layer(x)
    torch.testing.assert_close(y.mean(0), torch.zeros(3), rtol=0, atol=1e-3)
    torch.testing.assert_close(y[:, :2].std(0, correction=0), torch.ones(2), rtol=1e-4, atol=0)
    assert log_det[0].item() == pytest.approx(
        -(x.std(0, correction=0)[:2].log().sum().item() + math.log(1e-3)), rel=1e-4
    )
    torch.testing.assert_close(layer.inverse(y)[0], x, rtol=1e-4, atol=1e-4)


def test_the_scale_of_a_coupling_is_bounded_and_it_starts_as_the_identity() -> None:
    net = torch.nn.Linear(2, 4)
    begin_at_zero(net)
    layer = Coupling(torch.tensor([1.0, 0.0]), net, Affine(1.5))
    x = torch.randn(50, 2)
    assert torch.equal(layer(x)[0], x)
    with torch.no_grad():
        net.weight.fill_(100.0)
        y, log_det = layer(x)
    assert torch.equal(y[:, 0], x[:, 0])
    assert log_det.abs().max() <= 1.5
    assert log_det.abs().max() > 1.49


def test_every_layer_starts_as_the_identity_and_an_autoregressive_one_reverses_the_order() -> None:
    x = torch.randn(50, 3)
    for transform in (Affine(2.0), Spline(5, 2.0)):
        y, log_det = Autoregressive(3, 0, (8,), "relu", transform)(x)
        torch.testing.assert_close(y, x.flip(-1), rtol=0, atol=2e-6)
        torch.testing.assert_close(log_det, torch.zeros(50), rtol=0, atol=2e-6)


@pytest.mark.parametrize("transform", [Affine(2.0), Spline(5, 2.0)], ids=["affine", "spline"])
def test_an_autoregressive_layer_with_any_transform_inverts(transform: Affine | Spline) -> None:
    torch.manual_seed(0)
    layer = Autoregressive(4, 2, (8, 6), "tanh", transform).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    x, context = torch.randn(2, 5, 4, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    y, there = layer(x, context)
    again, back = layer.inverse(y, context)
    torch.testing.assert_close(again, x, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(there + back, torch.zeros_like(there), rtol=0, atol=1e-7)
    assert (layer(x, context + 1)[0] - y).abs().max() > 0.1
