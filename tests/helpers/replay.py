"""Imitate a CUDA graph on the CPU.

Operators are recorded with their tensors and repeated on the same memory, without Python in between. A read by the
host, which a graph cannot hold, is refused as on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from genzoo.testing.graph_safety import HOST_READS


class Recorder(TorchDispatchMode):
    """Record every operator with its arguments and results, which keeps their memory."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in HOST_READS:
            raise RuntimeError(f"operation not permitted when stream is capturing: {func}")
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, result in self.calls:
            if all(returned.alias_info is None for returned in func._schema.returns):
                for old, new in zip(tree_leaves(result), tree_leaves(func(*args, **kwargs)), strict=True):
                    if isinstance(old, Tensor):
                        old.detach().copy_(new)
            elif any(returned.alias_info.is_write for returned in func._schema.returns if returned.alias_info):
                func(*args, **kwargs)  # in place; a view shows the same memory anyway


def record(work: Callable[[], None]) -> Callable[[], None]:
    """Imitate `training.cuda_graph.cuda_capture`: warm up, record once, and return a function that replays."""
    work()
    recorder = Recorder()
    with recorder:
        work()
    return recorder.replay
