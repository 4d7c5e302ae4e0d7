"""Plain gradient descent, and what all optimisers share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Group(NamedTuple):
    """Parameters that are updated together, at a rate and with decay rates of their own."""

    members: Sequence[int]
    """Places in the list of all parameters."""
    lr: float = 1.0
    """Factor of the learning rate."""
    betas: tuple[float, float] | None = None
    """Adam's decay rates; None: the usual ones."""


class GradientDescent:
    """θ ← θ − lr·g, as one fused kernel, without momentum.

    `step` never waits for the device and can be captured.

    Args:
        parameters: Parameters, or (name, parameter) pairs; the names are used by `tensors`.
        lr: Learning rate, a number or a 0-d tensor on the device; assign to `self.lr` before a step.
        weight_decay: Added to the gradient.
        groups: Parameters that are updated separately; by default all are one group.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
        lr: float | Tensor,
        weight_decay: float = 0.0,
        groups: Sequence[Group] = (),
    ) -> None:
        pairs = [pair if isinstance(pair, tuple) else (str(i), pair) for i, pair in enumerate(parameters)]
        self.names = [name for name, _ in pairs]
        self.parameters = [parameter for _, parameter in pairs]
        self.lr = lr
        self.weight_decay = weight_decay
        self.groups = list(groups) or [Group(range(len(pairs)))]
        self._by_dtype: list[dict[torch.dtype, list[int]]] = [{} for _ in self.groups]
        for of_group, group in zip(self._by_dtype, self.groups, strict=True):
            for i in group.members:
                of_group.setdefault(self.parameters[i].dtype, []).append(i)

    @torch.no_grad()
    def step(self, found_inf: Tensor | None = None, group: int = 0) -> None:
        """Update every parameter of a group that has a gradient.

        Args:
            found_inf: 0-d float32 on the device; if it is 1, weights and state do not change.
            group: Number of the group.
        """
        for members in self._by_dtype[group].values():
            ready = [i for i in members if self.parameters[i].grad is not None]
            if ready:
                factor = self.groups[group].lr
                self._update(ready, self.lr if factor == 1.0 else self.lr * factor, self.groups[group].betas, found_inf)

    def _update(
        self, ready: list[int], lr: float | Tensor, betas: tuple[float, float] | None, found_inf: Tensor | None
    ) -> None:
        """Update parameters of one dtype, all of which have gradients."""
        torch._fused_sgd_(
            [self.parameters[i] for i in ready],
            [self.parameters[i].grad for i in ready],
            [],
            weight_decay=self.weight_decay,
            momentum=0.0,
            lr=lr,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
            found_inf=found_inf,
        )

    def drop_tiny(self) -> None:
        """Set state to 0 that no longer moves a weight."""

    def zero_grad(self) -> None:
        """Set all gradients to None; the next backward pass allocates new ones."""
        for parameter in self.parameters:
            parameter.grad = None

    def tensors(self) -> dict[str, Tensor]:
        """Return the optimiser's state by flat names such as "encoder.1.weight.exp_avg". The tensors are not copies."""
        return {}

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Load the state that `tensors` returned, in place.

        Raises:
            ValueError: A name is missing or unknown, or a shape or dtype differs.
        """
        own = self.tensors()
        if differing := sorted(own.keys() ^ tensors.keys()):
            raise ValueError(f"the optimiser's state differs in {', '.join(differing[:3])}")
        for name, tensor in own.items():
            given = tensors[name]
            if (given.shape, given.dtype) != (tensor.shape, tensor.dtype):
                raise ValueError(
                    f"{name} is {given.dtype} {tuple(given.shape)}, not {tensor.dtype} {tuple(tensor.shape)}"
                )
        for name, tensor in own.items():
            tensor.copy_(tensors[name])
