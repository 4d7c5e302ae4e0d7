"""What processes tell each other after each backward pass, in one message.

By hand and not by DistributedDataParallel: gradients, the terms that are logged, and the wish to stop travel as one
flat tensor, so a step has one collective, and its guard, its figures and its end are the same in every process.
Parameters of the loss are like any others, those that take no part keep no gradient, and `frozen` parts are no special
case.
"""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor, nn

from genzoo.core.errors import PluginError, UsageError
from genzoo.system.distributed import Processes

LAG = 8
"""A GPU's wish to stop is read so many steps later, when it has arrived without anyone waiting for it."""


class Exchange:
    """Averages gradients and terms over all processes.

    A gradient that is not finite in one process is so in all of them afterwards, and stops them at the same step.

    Args:
        processes: Two or more.
        parameters: What is trained, the same in every process.
    """

    def __init__(self, processes: Processes, parameters: list[nn.Parameter]) -> None:
        self.processes = processes
        self.parameters = parameters
        self.stopped = False
        """Whether some process wants to stop: the same everywhere, at the same step."""
        self._used: list[nn.Parameter] | None = None
        self._views: list[Tensor] = []
        self._flat = torch.empty(0)
        self._flags: deque[tuple[Tensor, torch.cuda.Event]] = deque()

    def __call__(self, terms: dict[str, Tensor], stop: bool) -> dict[str, Tensor]:
        """Replaces each gradient by its mean over the processes.

        Args:
            terms: Means over this process's examples.
            stop: Whether this process wants to stop after this step.

        Returns:
            The terms, means over all examples.
        """
        if self._used is None:
            self._lay_out(len(terms))
        assert self._used is not None
        gradients = [parameter.grad for parameter in self._used]
        for view, gradient in zip(self._views, gradients, strict=True):
            view.zero_() if gradient is None else view.copy_(gradient)
        if sum(parameter.grad is not None for parameter in self.parameters) > len(gradients):
            raise PluginError(
                "a parameter took no part in the first step and does in a later one",
                "across processes the first step decides; train in one, or give it a share of 0",
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

    def _lay_out(self, terms: int) -> None:
        """Finds out which parameters take part, in any process, and where their gradients lie in the message."""
        device = self.parameters[0].device
        part = torch.tensor([parameter.grad is not None for parameter in self.parameters], dtype=torch.float32)
        taking = self.processes.all_reduce(part.to(device)).tolist()
        self._used = [parameter for parameter, number in zip(self.parameters, taking, strict=True) if number]
        sizes = [parameter.numel() for parameter in self._used]
        self._flat = torch.zeros(sum(sizes) + terms + 1, device=device)
        pieces = self._flat[: sum(sizes)].split(sizes)
        self._views = [  # laid out as the weights are, which the optimiser's kernel takes for granted
            piece.as_strided(parameter.shape, parameter.stride())
            for piece, parameter in zip(pieces, self._used, strict=True)
        ]

    def _read_flag(self, flag: Tensor) -> None:
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


def whole_batch(size: int, processes: Processes) -> int:
    """The largest batch of at most `size` examples that processes can share evenly.

    Raises:
        UsageError: There are more processes than examples.
    """
    if size < processes.size:
        raise UsageError(f"{processes.size} processes cannot share {size} examples", "start fewer")
    return size - size % processes.size
