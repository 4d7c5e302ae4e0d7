"""Average gradients and loss terms over processes after each backward pass, in one all-reduce.

This replaces DistributedDataParallel: gradients, logged terms and the stop flag travel as one flat tensor. A step has
one collective, and its finite check, its terms and its end are the same in every process. Parameters of the loss are
treated like the model's, unused parameters keep no gradient, and `frozen` parts need no special case.
"""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor, nn

from genzoo.core.errors import PluginError, UsageError
from genzoo.system.distributed import Processes

LAG = 8
"""Steps after which a stop flag is read from a GPU: it has arrived by then, so that the host need not wait."""


class AllReduce:
    """Average gradients and terms over all processes.

    A gradient that is not finite in one process becomes so in all, and stops them at the same step.

    Args:
        processes: Two or more.
        parameters: The trained parameters, in the same order in every process.
    """

    def __init__(self, processes: Processes, parameters: list[nn.Parameter]) -> None:
        self.processes = processes
        self.parameters = parameters
        self.stopped = False
        """Whether any process asked to stop: the same value in all processes at the same step."""
        self._used: list[nn.Parameter] | None = None
        self._views: list[Tensor] = []
        self._flat = torch.empty(0)
        self._flags: deque[tuple[Tensor, torch.cuda.Event]] = deque()

    def __call__(self, terms: dict[str, Tensor], stop: bool) -> dict[str, Tensor]:
        """Replace each gradient by its mean over the processes.

        Args:
            terms: Means over this process's examples.
            stop: Whether this process asks to stop after this step.

        Returns:
            The terms as means over all examples.

        Raises:
            PluginError: A parameter without a gradient in the first step has one now.
        """
        if self._used is None:
            self._allocate(len(terms))
        assert self._used is not None
        gradients = [parameter.grad for parameter in self._used]
        for view, gradient in zip(self._views, gradients, strict=True):
            view.zero_() if gradient is None else view.copy_(gradient)
        if sum(parameter.grad is not None for parameter in self.parameters) > len(gradients):
            raise PluginError(
                "a parameter had no gradient in the first step and has one in a later step",
                "train in one process, or add the parameter to the loss with weight 0",
            )
        tail = self._flat[-len(terms) - 1 :]
        torch.stack([term.detach().float() for term in terms.values()], out=tail[:-1])
        tail[-1] = float(stop)
        self.processes.all_reduce(self._flat)
        self._flat.div_(self.processes.size)
        for parameter, view in zip(self._used, self._views, strict=True):
            parameter.grad = view
        self._read_flag(tail[-1:])
        return dict(zip(terms, tail[:-1].clone(), strict=True))

    def _allocate(self, terms: int) -> None:
        """Find the parameters that have a gradient in any process, and allocate the flat tensor for them."""
        device = self.parameters[0].device
        has_gradient = torch.tensor([parameter.grad is not None for parameter in self.parameters], dtype=torch.float32)
        counts = self.processes.all_reduce(has_gradient.to(device)).tolist()
        self._used = [parameter for parameter, count in zip(self.parameters, counts, strict=True) if count]
        sizes = [parameter.numel() for parameter in self._used]
        self._flat = torch.zeros(sum(sizes) + terms + 1, device=device)
        pieces = self._flat[: sum(sizes)].split(sizes)
        self._views = [  # with the strides of the weights: the optimiser's kernel requires that
            piece.as_strided(parameter.shape, parameter.stride())
            for piece, parameter in zip(pieces, self._used, strict=True)
        ]

    def _read_flag(self, flag: Tensor) -> None:
        """Update `stopped`, on CUDA from the flag of `LAG` steps ago."""
        if flag.device.type != "cuda":
            self.stopped = bool(flag > 0)
            return
        arrived = torch.empty(1, pin_memory=True).copy_(flag, non_blocking=True)
        event = torch.cuda.Event()
        event.record()
        self._flags.append((arrived, event))
        if len(self._flags) > LAG:
            oldest, event = self._flags.popleft()
            event.synchronize()
            self.stopped = bool(oldest > 0)


def divisible_batch_size(size: int, processes: Processes) -> int:
    """Return the largest batch size of at most `size` that the processes can share evenly.

    Raises:
        UsageError: There are more processes than examples.
    """
    if size < processes.size:
        raise UsageError(f"{processes.size} processes cannot share {size} examples", "start fewer")
    return size - size % processes.size
