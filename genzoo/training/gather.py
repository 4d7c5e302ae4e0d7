"""The examples of all processes in one tensor, for losses that hold examples against each other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from genzoo.system.distributed import ALONE, Processes


class _State(threading.local):
    """The processes that share each training batch of a thread. (Torch 2.11 cannot compile a ContextVar.)"""

    processes: Processes = ALONE


_state = _State()


@contextmanager
def gathering(processes: Processes) -> Iterator[None]:
    """Let `gather` collect the rows of these processes within the context, in which all make the same steps."""
    outer, _state.processes = _state.processes, processes
    try:
        yield
    finally:
        _state.processes = outer


def gather(x: Tensor) -> Tensor:
    """Return the rows of all P processes that share a training batch: x [B, *] → [P·B, *], in the batch's order.

    The result has a gradient to the rows of every process, so that a loss of the whole batch, which each process
    computes, trains the model as one process would. With one process, and outside training steps, it is x itself.
    Every process must call it equally often in each step.
    """
    if _state.processes.size == 1:
        return x
    gathered: Tensor = _Gather.apply(x, _state.processes)
    return gathered


class _Gather(torch.autograd.Function):
    """Concatenate rows over processes. The gradients of all processes are summed; later they are averaged."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, processes: Processes) -> Tensor:
        ctx.processes = processes
        whole = x.new_zeros(processes.size, *x.shape)
        whole[processes.rank] = x
        gathered: Tensor = processes.all_reduce(whole)
        return gathered.flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        summed = ctx.processes.all_reduce(gradients[0].contiguous().clone())
        return summed.unflatten(0, (ctx.processes.size, -1))[ctx.processes.rank], None
