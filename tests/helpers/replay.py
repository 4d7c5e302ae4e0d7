"""A stand-in for a CUDA graph on the CPU: operators are recorded with their very tensors and done again on the same
memory, without Python in between. What a graph could not hold, a read by the host, is refused as it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from genzoo.testing.graph_safety import HOST_READS


class Recorder(TorchDispatchMode):
    """Inside, every operator is noted with its arguments and results, which so keep their memory."""

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
    """As `training.cuda_graph.cuda_capture`: a run to warm up, one that is recorded, and a function that replays."""
    work()
    recorder = Recorder()
    with recorder:
        work()
    return recorder.replay
