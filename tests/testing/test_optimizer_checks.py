"""The checks of optimisers and schedules find their faults."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genzoo_plugins.optimization.adam import AdamW
from genzoo_plugins.optimization.schedules import Cosine
from torch import Tensor

import genzoo
from genzoo.core.hookspecs import PartKind
from genzoo.registry.current import registry
from genzoo.testing.optimizer_checks import OF_OPTIMIZERS, OF_SCHEDULES
from genzoo.testing.part_checks import PartTarget, checks_of

Betas = tuple[float, float] | None


class Signs(genzoo.Optimizer):
    """A sound optimiser from outside: w ← w − lr·sign(m) (Bernstein et al. 2018)."""

    def __init__(self, *inputs: Any) -> None:
        super().__init__(*inputs)
        self.mean = self.zeros("mean")

    def update(self, ready: list[int], lr: float | Tensor, betas: Betas, found_inf: Tensor | None) -> None:
        keep = torch.zeros(()) if found_inf is None else found_inf
        for i in ready:
            weight, moved = self.parameters[i], 0.9 * self.mean[i] + 0.1 * self.gradient(i)
            self.mean[i].copy_(torch.where(keep > 0, self.mean[i], moved))
            weight.copy_(torch.where(keep > 0, weight, weight - lr * moved.sign()))

    def gradient(self, i: int) -> Tensor:
        gradient = self.parameters[i].grad
        assert gradient is not None
        return gradient


class Uphill(Signs):
    def gradient(self, i: int) -> Tensor:
        return -super().gradient(i)


class FirstOnly(Signs):
    def update(self, ready: list[int], lr: float | Tensor, betas: Betas, found_inf: Tensor | None) -> None:
        super().update(ready[:1], lr, betas, found_inf)


class Unguarded(Signs):
    def update(self, ready: list[int], lr: float | Tensor, betas: Betas, found_inf: Tensor | None) -> None:
        super().update(ready, lr, betas, None)


class Forgetful(Signs):
    """Its state is not made by `zeros`."""

    def __init__(self, *inputs: Any) -> None:
        super().__init__(*inputs)
        self.mean = [torch.zeros_like(parameter) for parameter in self.parameters]


class OwnRate(Signs):
    def update(self, ready: list[int], lr: float | Tensor, betas: Betas, found_inf: Tensor | None) -> None:
        super().update(ready, self.lr, betas, found_inf)


class EveryGroup(Signs):
    def update(self, ready: list[int], lr: float | Tensor, betas: Betas, found_inf: Tensor | None) -> None:
        super().update(list(range(len(self.parameters))), lr, betas, found_inf)


class Reading(Signs):
    def update(self, ready: list[int], lr: float | Tensor, betas: Betas, found_inf: Tensor | None) -> None:
        super().update(ready, float(lr), betas, found_inf)


class Counting(Signs):
    """Its first steps are smaller, by a count in Python."""

    count = 0

    def update(self, ready: list[int], lr: float | Tensor, betas: Betas, found_inf: Tensor | None) -> None:
        self.count += 1
        super().update(ready, lr * (1 - 0.5**self.count), betas, found_inf)


class Negative(Cosine):
    def factor(self, step: int, total: int) -> float:
        return 1 - step / total


class Dividing(Cosine):
    def factor(self, step: int, total: int) -> float:
        return float("nan") if total == 1 else 1.0


class Remembering(Cosine):
    last = 1.0

    def factor(self, step: int, total: int) -> float:
        self.last *= 0.99
        return self.last


class Never(Cosine):
    def factor(self, step: int, total: int) -> float:
        return 0.0


class Anything(AdamW):
    @classmethod
    def parse(cls, text: str) -> float:
        return 0.0


def checked(kind: PartKind, part: type[Any], check: str) -> str | None:
    genzoo.register_part(kind, "mine", part)
    return checks_of(kind)[check](PartTarget(registry().get(kind, "mine")))


@pytest.mark.parametrize("check", checks_of("optimizer"))
def test_a_sound_optimizer_passes(check: str) -> None:
    assert checked("optimizer", Signs, check) is None


@pytest.mark.parametrize(
    ("part", "check", "said"),
    [
        (Cosine, "interface", "it does not extend genzoo.Optimizer"),
        (Anything, "argument", "mine:no such argument is accepted"),
        (Uphill, "descends", "steps change the loss from"),
        (FirstOnly, "descends", r"weights of shape \(3,\), .* do not move"),
        (Unguarded, "guard", "after a step that is not finite: net.0.mean"),
        (Forgetful, "continues", "after it is continued: weight"),
        (OwnRate, "groups", "of a phase at half the rate, move otherwise"),
        (EveryGroup, "groups", "after a step of the other phase: weight 0"),
        (Reading, "captured", "not graph-safe: .*reads a value back"),
        (Counting, "captured", "a later step runs other operators"),
    ],
)
def test_a_fault_of_an_optimizer_is_found(part: type[Any], check: str, said: str) -> None:
    with pytest.raises((AssertionError, genzoo.PluginError), match=said):
        checked("optimizer", part, check)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Negative, "the factor of step 2 of 1 is -1.0"),
        (Dividing, "the factor of step 0 of 1 is nan"),
        (Remembering, "differ when they are asked for again"),
        (Never, "every factor is 0"),
    ],
)
def test_a_fault_of_a_schedule_is_found(part: type[Any], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        checked("schedule", part, "factors")


def test_every_check_has_a_fault_here() -> None:
    assert set(OF_OPTIMIZERS) == {"descends", "guard", "continues", "groups", "captured"}
    assert set(OF_SCHEDULES) == {"factors"}
