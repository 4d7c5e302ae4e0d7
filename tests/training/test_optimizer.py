"""Adam and AdamW against torch's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from genzoo.training.config import Training
from genzoo.training.optimizer import make_optimizer


@pytest.mark.parametrize(
    ("name", "reference"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)], ids=["adam", "adamw"]
)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_optimisers_are_torchs(name: str, reference: type[torch.optim.Adam], decay: float) -> None:
    """Of AdamW torch's own default is a decay of 0.01; here it is what the option says."""
    target = torch.linspace(-1, 1, 30)
    ours, theirs = nn.Parameter(torch.ones(30)), nn.Parameter(torch.ones(30))
    one = make_optimizer([ours], Training(optimizer=name, lr=0.05, weight_decay=decay))
    other = reference([theirs], lr=0.05, weight_decay=decay, fused=False, foreach=False)
    for _ in range(50):
        for parameter, optimizer in ((ours, one), (theirs, other)):
            optimizer.zero_grad()
            (parameter - target).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_adam_couples_the_decay_to_the_gradient_and_adamw_does_not() -> None:
    """Without a gradient Adam's first step is lr in size whatever the decay, AdamW's is lr·decay·w."""
    after = {}
    for name in ("adam", "adamw"):
        parameter = nn.Parameter(torch.full((3,), 2.0))
        optimizer = make_optimizer([parameter], Training(optimizer=name, lr=0.1, weight_decay=0.5))
        parameter.grad = torch.zeros(3)
        optimizer.step()
        after[name] = parameter.detach()
    torch.testing.assert_close(after["adam"], torch.full((3,), 2.0 - 0.1))
    torch.testing.assert_close(after["adamw"], torch.full((3,), 2.0 - 0.1 * 0.5 * 2.0))
