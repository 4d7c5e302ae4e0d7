"""Tensors as the content of a safetensors file, byte for byte what the library makes of them, without a copy of all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import torch
from safetensors.torch import save
from torch import Tensor


class Packed:
    """The content of a safetensors file: a header, then the tensors, one piece each.

    The library would hold all of them in memory twice more. A tensor that lies on the CPU as the file wants it is not
    copied at all, another one while it is a piece. So the tensors must not change before the last piece is read.

    Args:
        tensors: By name, on any device; none may share memory with another.
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
    """The bytes of a tensor on the CPU, in the order of its indices; not a copy where they lie so."""
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().data
