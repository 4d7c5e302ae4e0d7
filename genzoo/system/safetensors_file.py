"""The content of a safetensors file, the same bytes as from the library, without a copy of all tensors in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import torch
from safetensors.torch import save
from torch import Tensor


class Packed:
    """The content of a safetensors file in pieces: a header, then one piece for each tensor.

    The library would hold two more copies of all tensors. Here a contiguous tensor on the CPU is not copied at all; any
    other tensor is copied while its piece is in use. The tensors must not change before the last piece is read.

    Args:
        tensors: By name, on any device. Two tensors must not share memory.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        empty = save({name: torch.empty(0, dtype=tensor.dtype, device="cpu") for name, tensor in tensors.items()})
        entries = json.loads(empty[8 : 8 + int.from_bytes(empty[:8], "little")])  # in the file's order
        end = 0
        for name, entry in entries.items():
            tensor = tensors[name]
            begin, end = end, end + tensor.nbytes
            entry.update(shape=list(tensor.shape), data_offsets=[begin, end])
        header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
        header += b" " * (-len(header) % 8)
        self.header = len(header).to_bytes(8, "little") + header
        self.tensors = [tensors[name] for name in entries]
        self.size = len(self.header) + end

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[memoryview]:
        yield memoryview(self.header)
        for tensor in self.tensors:
            yield as_bytes(tensor.detach().cpu())


def as_bytes(tensor: Tensor) -> memoryview:
    """Return the bytes of a tensor on the CPU in the order of its indices. A contiguous tensor is not copied."""
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().data
