"""The checks of nets: sound ones pass, and each fault is found by the check that is for it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import FlatDecoder, FlatEncoder, Shape
from genzoo.registry.current import registry
from genzoo.testing.part_checks import PartTarget, checks_of


class Plain(genzoo.Nets):
    """One linear layer each."""

    def encoder(self, outputs: int) -> nn.Module:
        return FlatEncoder(self.spec.shape, (), outputs, "relu")

    def decoder(self, inputs: int, shape: tuple[int, ...]) -> nn.Module:
        return FlatDecoder(inputs, (), shape, "relu")


class Narrow(Plain):
    """Its decoder has one number for each value, however many are asked for."""

    def decoder(self, inputs: int, shape: tuple[int, ...]) -> nn.Module:
        return FlatDecoder(inputs, (), self.spec.shape, "relu")


class Shared(Plain):
    """Its encoders are one."""

    kept: dict[Any, nn.Module] = {}

    def encoder(self, outputs: int) -> nn.Module:
        return self.kept.setdefault((self.spec.shape, outputs), super().encoder(outputs))


class Centred(nn.Module):
    """Subtracts the mean of the batch."""

    def forward(self, x: Tensor) -> Tensor:
        return x - 0.5 * x.mean(0)


class Mixing(Plain):
    """Its decoder sees the other rows."""

    def decoder(self, inputs: int, shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(Centred(), *super().decoder(inputs, shape).children())


class Idle(nn.Linear):
    """Does not use its bias."""

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T


class Unused(Plain):
    """A parameter of its decoder has no effect."""

    def decoder(self, inputs: int, shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(Idle(inputs, math.prod(shape)), Shape(shape))


def checked(part: type[Any], check: str) -> str | None:
    genzoo.register_part("nets", "mine", part)
    return checks_of("nets")[check](PartTarget(registry().get("nets", "mine")))


@pytest.mark.parametrize("check", checks_of("nets"))
def test_sound_nets_pass(check: str) -> None:
    assert (check, checked(Plain, check)) == (check, None)


@pytest.mark.parametrize(
    ("part", "check", "said"),
    [
        (Narrow, "shapes", r"decoder\(3, \(24,\)\) for data of shape 12 returns \(4, 12\) for 4 rows"),
        (Shared, "new", "share weights"),
        (Mixing, "rows", "the output of a row differs by"),
        (Unused, "gradients", "no finite gradient for 0.bias"),
    ],
)
def test_a_fault_is_found(part: type[Any], check: str, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        checked(part, check)
