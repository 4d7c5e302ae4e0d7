"""The moving average against its definition."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from genzoo.training.ema import MovingAverage


class Buffered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4))
        self.register_buffer("seen", torch.zeros(1))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))


@pytest.mark.parametrize("decay", [0.1, 0.9, 0.999])
def test_the_moving_average_is_its_definition(decay: float) -> None:
    """a₀ = w₀, aₜ = dₜ aₜ₋₁ + (1 − dₜ) wₜ with dₜ = min(d, (1 + t)/(10 + t)); buffers as they are."""
    torch.manual_seed(0)
    module = Buffered()
    average = MovingAverage(module, decay)
    expected = module.weight.detach().double()
    for t in range(1, 60):
        with torch.no_grad():
            module.weight.copy_(torch.randn(4))
            module.seen.fill_(t)  # type: ignore[operator]
            module.count.add_(1)  # type: ignore[operator]
        average.update(torch.tensor(average.weight(t - 1)))
        d = min(decay, (1 + t) / (10 + t))
        expected = d * expected + (1 - d) * module.weight.detach().double()
    torch.testing.assert_close(average.average.weight, expected.float(), rtol=1e-5, atol=1e-6)
    assert torch.equal(average.average.seen, module.seen)
    assert torch.equal(average.average.count, module.count)
    assert not average.average.weight.requires_grad
