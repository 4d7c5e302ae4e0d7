"""Adam and AdamW over torch's fused kernels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.999)
EPSILON = 1e-8
TINY, TINY_SQ = 1e-25, 1e-34
TINY_STEPS = 256
"""So many steps take a moment of TINY, times 0.9 each, not below the smallest normal number, 1.2e-38."""


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) or AdamW (Loshchilov & Hutter 2019, algorithm 2), one kernel for all.

    The arithmetic is torch.optim's, bit for bit. Its classes import torch's compiler, a second at every start, and
    their Python is 7 % of a small step on a CPU. `step` never waits for the device and can be captured.

    Args:
        parameters: What is trained, or (name, parameter) pairs; the names are those of `tensors`.
        lr: Learning rate; assign to `self.lr` before a step, a number or a 0-d tensor on the device.
        weight_decay: Added to the gradient, or with `decoupled` taken off the weights.
        decoupled: AdamW.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
        lr: float | Tensor,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        pairs = [pair if isinstance(pair, tuple) else (str(i), pair) for i, pair in enumerate(parameters)]
        self.names = [name for name, _ in pairs]
        self.parameters = [parameter for _, parameter in pairs]
        self.lr = lr
        self.weight_decay = weight_decay
        self.kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_
        self.exp_avg = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.exp_avg_sq = [torch.zeros_like(parameter) for parameter in self.parameters]
        device = self.parameters[0].device if self.parameters else None
        self._counts = torch.zeros(len(self.parameters), device=device)
        self.steps = list(self._counts.unbind())
        self._by_dtype: dict[torch.dtype, list[int]] = {}
        for i, parameter in enumerate(self.parameters):
            self._by_dtype.setdefault(parameter.dtype, []).append(i)

    @torch.no_grad()
    def step(self, found_inf: Tensor | None = None) -> None:
        """Updates every parameter that has a gradient.

        Args:
            found_inf: 0-d float32 on the device; where it is 1, weights, moments and counts stay as they are.
        """
        for members in self._by_dtype.values():
            ready = [i for i in members if self.parameters[i].grad is not None]
            if not ready:
                continue
            counts = [self._counts] if len(ready) == len(self.parameters) else [self.steps[i] for i in ready]
            for count in counts:
                count.add_(1)
                if found_inf is not None:
                    count.sub_(found_inf)
            self.kernel(
                [self.parameters[i] for i in ready],
                [self.parameters[i].grad for i in ready],
                [self.exp_avg[i] for i in ready],
                [self.exp_avg_sq[i] for i in ready],
                [],
                [self.steps[i] for i in ready],
                lr=self.lr,
                beta1=BETAS[0],
                beta2=BETAS[1],
                weight_decay=self.weight_decay,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
                found_inf=found_inf,
            )

    @torch.no_grad()
    def drop_tiny(self) -> None:
        """Sets moments to 0 that no longer move a weight, before they become denormal: those are slow on a CPU.

        Weights of pixels that are always black get them within two epochs of MNIST, and the optimiser then takes three
        times as long. Below these bounds a moment changes a weight by less than 1e-17 of the learning rate, and the
        denominator by less than a float32 can tell.
        """
        for moments, bound in ((self.exp_avg, TINY), (self.exp_avg_sq, TINY_SQ)):
            for moment in moments:
                moment.masked_fill_(moment.abs() < bound, 0)

    def zero_grad(self) -> None:
        """Forgets the gradients; the next backward pass brings its own memory."""
        for parameter in self.parameters:
            parameter.grad = None

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a later step depends on, by flat names: "encoder.1.weight.exp_avg". Not copies."""
        return {
            f"{name}.{kind}": tensor
            for kind, tensors in (("exp_avg", self.exp_avg), ("exp_avg_sq", self.exp_avg_sq), ("step", self.steps))
            for name, tensor in zip(self.names, tensors, strict=True)
        }

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over what `tensors` gave, in place.

        Raises:
            ValueError: A name is missing or unknown, or a shape or dtype is another.
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
