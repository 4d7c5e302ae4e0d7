"""Checks of a registered optimiser or learning-rate schedule, on a few weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from genzoo.core.optimizer import Optimizer, ParameterGroup, Schedule
from genzoo.registry.parts import make_part
from genzoo.testing.check import Check, require
from genzoo.testing.graph_safety import OperatorTape

if TYPE_CHECKING:
    from genzoo.testing.part_checks import PartTarget

SHAPES = ((4, 3), (3,), (2, 2, 3), (), (1, 3))
GROUPS = ((0, 1, 4), (2, 3))
"""The weights of two phases of a loss, by their places in `SHAPES`."""
LR, DECAY = 0.01, 0.1
STEPS = 8
TOTAL = 50


class Trial:
    """An optimiser of a few weights, whose loss is half their squared distance from a target.

    Args:
        target: The registered optimiser.
        lr: Its learning rate, a number or a tensor.
        groups: The factor of the rate of each of `GROUPS`; empty: all weights are one group.
        decay: The weight decay.
    """

    def __init__(
        self, target: PartTarget, lr: float | Tensor = LR, groups: Sequence[float] = (), decay: float = DECAY
    ) -> None:
        generator = torch.Generator().manual_seed(0)
        self.weights = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]
        self.aims = [torch.randn(shape, generator=generator) for shape in SHAPES]
        named = [(f"net.{i}", weight) for i, weight in enumerate(self.weights)]
        own = [ParameterGroup(members, factor) for members, factor in zip(GROUPS, groups, strict=False)]
        self.optimizer: Optimizer = make_part("optimizer", target.name, named, lr, decay, own)

    def step(self, found_inf: Tensor | None = None, group: int = 0, scale: float = 1.0) -> None:
        """Make one step with the gradient of the loss times `scale`."""
        for weight, aim in zip(self.weights, self.aims, strict=True):
            weight.grad = scale * (weight.detach() - aim)
        self.optimizer.step(found_inf, group)
        self.optimizer.zero_grad()

    @property
    def loss(self) -> float:
        """Half the squared distance from the target."""
        pairs = zip(self.weights, self.aims, strict=True)
        return sum(0.5 * (weight.detach() - aim).square().sum().item() for weight, aim in pairs)

    def everything(self) -> dict[str, Tensor]:
        """Return copies of the weights and of the state."""
        weights = {f"weight {i}": weight.detach().clone() for i, weight in enumerate(self.weights)}
        return weights | {name: tensor.clone() for name, tensor in self.optimizer.tensors().items()}


def require_equal(one: dict[str, Tensor], other: dict[str, Tensor], what: str) -> None:
    """Require that weights and state are the same bit for bit."""
    differing = [name for name, value in one.items() if not torch.equal(value, other[name])]
    require(not differing, f"{what}: {', '.join(differing[:3])} differ")


def check_descends(target: PartTarget) -> None:
    """Steps reduce half the squared distance from a point."""
    trial = Trial(target, decay=0.0)
    before = trial.loss
    for _ in range(STEPS):
        trial.step()
    require(trial.loss < before, f"{STEPS} steps change the loss from {before:.5g} to {trial.loss:.5g}")
    still = [str(shape) for shape, weight, aim in zip(SHAPES, trial.weights, Trial(target).weights, strict=True)
             if torch.equal(weight, aim)]  # fmt: skip
    require(not still, f"weights of shape {', '.join(still)} do not move")


def check_guard(target: PartTarget) -> None:
    """A step that is not finite (`found_inf` is 1) changes neither weights nor state, whatever its gradient is."""
    trial, other, flag = Trial(target), Trial(target), torch.zeros(())
    for number in range(STEPS):
        trial.step(flag)
        other.step()
        if number % 3 == 1:
            before = trial.everything()
            trial.step(flag.fill_(1.0), scale=math.nan)
            require_equal(trial.everything(), before, "after a step that is not finite")
            flag.zero_()
    require_equal(trial.everything(), other.everything(), "after such a step training goes on differently")


def check_resumes(target: PartTarget) -> None:
    """`tensors` and `load` carry all that it remembers: a training that is continued is the training, bit for bit."""
    whole, first, second = Trial(target), Trial(target), Trial(target)
    for _ in range(STEPS // 2):
        whole.step()
        first.step()
    second.optimizer.load({name: tensor.clone() for name, tensor in first.optimizer.tensors().items()})
    with torch.no_grad():
        for to, value in zip(second.weights, first.weights, strict=True):
            to.copy_(value)
    for _ in range(STEPS):
        whole.step()
        second.step()
    require_equal(second.everything(), whole.everything(), "after it is continued")


def check_groups(target: PartTarget) -> None:
    """The weights of each phase of a loss move at the rate of that phase, and the others keep still."""
    apart, alone = Trial(target, groups=(1.0, 0.5)), Trial(target, lr=LR / 2)
    for _ in range(STEPS):
        before = apart.everything()
        apart.step(group=1)
        after = apart.everything()
        alone.step()
        for i in GROUPS[0]:
            own = {name: value for name, value in after.items() if name in (f"weight {i}", *_state_of(apart, i))}
            require_equal(own, before, "after a step of the other phase")
    for i in GROUPS[1]:
        near = torch.allclose(apart.weights[i], alone.weights[i], rtol=1e-4, atol=1e-6)
        require(near, f"weights of shape {SHAPES[i]}, of a phase at half the rate, move otherwise")


def _state_of(trial: Trial, i: int) -> list[str]:
    return [name for name in trial.optimizer.tensors() if name.startswith(f"net.{i}.")]


def check_captured(target: PartTarget) -> None:
    """A step reads nothing back from the device, and runs the same operators each time, at a rate that is a tensor."""
    rate = torch.tensor(LR, dtype=torch.float64)
    captured, eager, flag = Trial(target, rate), Trial(target), torch.zeros(())
    tapes = []
    for number in range(STEPS):
        lr = LR / (number + 1)
        rate.fill_(lr)
        eager.optimizer.lr = lr
        tapes.append(OperatorTape())
        with tapes[-1]:
            captured.step(flag)
        eager.step(flag)
    faults = [fault for tape in tapes for fault in tape.faults]
    require(not faults, f"not graph-safe: {''.join(faults[:1])}")
    pairs = [pair for tape in tapes[2:] for pair in zip(tapes[1].operators, tape.operators, strict=False)]
    other = next((f"{one} / {two}" for one, two in pairs if one != two), "")
    require(not other, f"not graph-safe: a later step runs other operators: {other}")
    for one, two in zip(captured.weights, eager.weights, strict=True):
        require(torch.allclose(one, two, rtol=1e-4, atol=1e-6), "a rate that is a tensor moves weights differently")


def check_factors(target: PartTarget) -> None:
    """Its factors are finite numbers from 0 up, the same each time, beyond the end and in one step too."""
    schedule: Schedule = make_part("schedule", target.name)
    for total in (1, TOTAL):
        steps = range(total + 3)
        factors = [schedule.factor(step, total) for step in steps]
        for step, factor in zip(steps, factors, strict=True):
            sound = isinstance(factor, (int, float)) and math.isfinite(factor) and factor >= 0
            require(sound, f"the factor of step {step} of {total} is {factor!r}")
        again = [schedule.factor(step, total) for step in reversed(steps)][::-1]
        require(again == factors, "the factors of the same steps differ when they are asked for again")
        require(any(factors[:total]), "every factor is 0")


OF_OPTIMIZERS: dict[str, Check[PartTarget]] = {
    "descends": Check(check_descends, "subtract lr times the update, from every parameter in `ready`"),
    "guard": Check(check_guard, "pass found_inf on to the kernel, or choose with torch.where(found_inf > 0, old, new)"),
    "continues": Check(check_resumes, "make what it remembers by self.zeros(kind) or self.keep(kind, tensors)"),
    "groups": Check(check_groups, "use the lr that update gets, and change only the parameters in `ready`"),
    "captured": Check(check_captured, "keep counts in tensors; no .item(), no branch on a tensor's value"),
}
OF_SCHEDULES: dict[str, Check[PartTarget]] = {
    "factors": Check(check_factors, "return a number that depends on step and total alone"),
}
