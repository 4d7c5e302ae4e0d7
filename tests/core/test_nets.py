"""Networks that belong to a loss: gradients through frozen weights."""

from __future__ import annotations

import torch

from genzoo.core.nets import MaskedLinear, changing_buffers, frozen, mlp


def test_a_frozen_net_passes_the_gradient_on_and_keeps_none() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(mlp(5, (7,), 3), torch.nn.BatchNorm1d(3)).eval()
    x = torch.randn(4, 5, requires_grad=True)
    (expected,) = torch.autograd.grad(net(x).square().sum(), x)
    frozen(net)(x).square().sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, expected, rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in net.parameters())
    torch.testing.assert_close(frozen(net)(x), net(x), rtol=0, atol=0)


def test_both_sides_of_an_adversary_in_one_scalar() -> None:
    """−3 D(x) for who made x and +2 D(x) for D: each gets its own gradient, and exactly nothing of the other's."""
    torch.manual_seed(0)
    net, weight = mlp(5, (7,), 1), torch.randn(5, requires_grad=True)
    noise = torch.randn(4, 5)
    x = noise * weight
    (2 * net(x.detach()).sum() - 3 * frozen(net)(x).sum()).backward()
    theirs = [parameter.grad for parameter in net.parameters()]
    torch.testing.assert_close(theirs, list(torch.autograd.grad(2 * net(x.detach()).sum(), list(net.parameters()))))
    torch.testing.assert_close(weight.grad, torch.autograd.grad(-3 * net(noise * weight).sum(), weight)[0])


def test_masks_are_constants_and_running_means_are_not() -> None:
    net = torch.nn.Sequential(MaskedLinear(torch.ones(3, 2, dtype=torch.bool)), torch.nn.BatchNorm1d(3))
    norm = net[1]
    assert isinstance(norm, torch.nn.BatchNorm1d)
    assert [id(buffer) for buffer in changing_buffers(net)] == [id(buffer) for buffer in norm.buffers()]
    assert len(changing_buffers(net)) == 3
