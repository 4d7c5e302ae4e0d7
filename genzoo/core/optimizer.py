"""The interfaces of optimisers and of learning-rate schedules: `--optimizer adamw:0.01`, `--schedule cosine`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genzoo.core.named import Named


class ParameterGroup(NamedTuple):
    """Parameters that are updated together, at a rate and with decay rates of their own: those of a loss's phase."""

    members: Sequence[int]
    """Places in the list of all parameters."""
    lr: float = 1.0
    """Factor of the learning rate."""
    betas: tuple[float, float] | None = None
    """Decay rates of the moments; None: the optimiser's usual ones."""


class Optimizer(Named):
    """Updates parameters from their gradients. A subclass defines `update`.

    A step is captured and replayed: `update` reads no value back from the device, and what it counts or remembers is in
    tensors made by `zeros` or `keep`, which are part of a checkpoint.

    Args:
        parameters: Parameters, or (name, parameter) pairs; the names are used by `tensors`.
        lr: Learning rate, a number or a 0-d tensor on the device; it is assigned to `self.lr` before each step.
        weight_decay: As `--weight-decay` says.
        groups: Parameters that are updated separately; by default all are one group.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
        lr: float | Tensor,
        weight_decay: float = 0.0,
        groups: Sequence[ParameterGroup] = (),
    ) -> None:
        pairs = [pair if isinstance(pair, tuple) else (str(i), pair) for i, pair in enumerate(parameters)]
        self.names = [name for name, _ in pairs]
        self.parameters = [parameter for _, parameter in pairs]
        self.lr = lr
        self.weight_decay = weight_decay
        self.groups = list(groups) or [ParameterGroup(range(len(pairs)))]
        self._by_dtype: list[dict[torch.dtype, list[int]]] = [{} for _ in self.groups]
        for of_group, group in zip(self._by_dtype, self.groups, strict=True):
            for i in group.members:
                of_group.setdefault(self.parameters[i].dtype, []).append(i)
        self._state: dict[str, list[Tensor]] = {}

    def zeros(self, kind: str) -> list[Tensor]:
        """Return state that a checkpoint holds: zeros of the shape of each parameter, in the parameters' order.

        Args:
            kind: Its name, such as "momentum".
        """
        return self.keep(kind, [torch.zeros_like(parameter) for parameter in self.parameters])

    def keep(self, kind: str, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Let a checkpoint hold a tensor of any shape for each parameter, and return them."""
        self._state[kind] = list(tensors)
        return self._state[kind]

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
                self.update(ready, self.lr if factor == 1.0 else self.lr * factor, self.groups[group].betas, found_inf)

    def update(
        self, ready: list[int], lr: float | Tensor, betas: tuple[float, float] | None, found_inf: Tensor | None
    ) -> None:
        """Update parameters of one dtype, in place and without gradient.

        Args:
            ready: Their places in `self.parameters`; all have a gradient.
            lr: The learning rate of their group.
            betas: The decay rates that a phase of the loss asks for; None: the usual ones.
            found_inf: None, or 0-d float32; if it is 1, weights and state must not change, whatever the gradients are.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update(ready, lr, betas, found_inf)")

    def drop_tiny(self) -> None:
        """Set state to 0 that no longer moves a weight. Called now and then on a CPU, where denormals are slow."""

    def zero_grad(self) -> None:
        """Set all gradients to None; the next backward pass allocates new ones."""
        for parameter in self.parameters:
            parameter.grad = None

    def tensors(self) -> dict[str, Tensor]:
        """Return the optimiser's state by flat names such as "encoder.1.weight.exp_avg". The tensors are not copies."""
        return {
            f"{name}.{kind}": tensor
            for kind, tensors in self._state.items()
            for name, tensor in zip(self.names, tensors, strict=True)
        }

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


class Schedule(Named):
    """The learning rate over a training, relative to `--lr`. A subclass defines `factor`."""

    def factor(self, step: int, total: int) -> float:
        """Return the factor of the learning rate in step number `step`: a pure function, so there is no state to save.

        Args:
            step: From 0; steps of the warm-up (`--lr-warmup`) do not count. It may exceed `total`.
            total: The number of steps after the warm-up, at least 1.
        """
        raise NotImplementedError(f"{type(self).__name__} must define factor(step, total)")
