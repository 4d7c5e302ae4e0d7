"""The checks of quantisers: a sound one passes, and each fault is found by the check that is for it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import genzoo
from genzoo.registry.current import registry
from genzoo.testing.part_checks import PartTarget, checks_of


class Signs(genzoo.Quantiser):
    """The four codes of two signs."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__(4, 2)

    def nearest(self, vectors: Tensor) -> Tensor:
        one, two = (vectors.detach() > 0).long().unbind(-3)
        return one + 2 * two

    def look_up(self, codes: Tensor) -> Tensor:
        return torch.stack([codes % 2, codes // 2], -3) * 2.0 - 1


class Mixed(Signs):
    """Numbers codes in two ways."""

    def nearest(self, vectors: Tensor) -> Tensor:
        return 3 - super().nearest(vectors)


class Farther(Signs):
    """Shifts the points before it chooses."""

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return points, self.nearest(points - 0.5)


class Cut(Signs):
    """Lets no gradient through."""

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return points.detach() + 0 * points, self.nearest(points)


class Steep(Signs):
    """Its bound has no finite gradient."""

    def bound(self, encoded: Tensor) -> Tensor:
        return encoded + 0 * (encoded - encoded).sqrt()


def checked(part: type[Any], check: str) -> str | None:
    genzoo.register_part("quantiser", "mine", part)
    return checks_of("quantiser")[check](PartTarget(registry().get("quantiser", "mine")))


@pytest.mark.parametrize("check", checks_of("quantiser"))
def test_a_sound_quantiser_passes(check: str) -> None:
    assert checked(Signs, check) is None


@pytest.mark.parametrize(
    ("part", "check", "said"),
    [
        (Mixed, "numbers", "4 of 4 codes do not come back from their vectors"),
        (Farther, "nearest", "farther away than the nearest"),
        (Cut, "straight", "the gradient of what the vectors stand for is off by"),
        (Steep, "straight", "no finite gradient for the encoder's output"),
    ],
)
def test_a_fault_is_found(part: type[Any], check: str, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        checked(part, check)
