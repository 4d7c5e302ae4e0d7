"""The content of a safetensors file in pieces is the same as the library's."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from genzoo.system.atomic import chunks
from genzoo.system.safetensors_file import Packed

KINDS = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.int64, torch.uint8)
TENSORS: dict[str, dict[str, Tensor]] = {
    "none": {},
    "every kind": {f"{kind}"[6:]: torch.randn(3, 5).mul(9).abs().to(kind) for kind in (*KINDS, torch.bool)},
    "sizes": {"b": torch.randn(2, 3), "a": torch.tensor(7.0), "empty": torch.zeros(0, 4), "long": torch.randn(300_000)},
    "layouts": {
        "last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "turned": torch.randn(3, 4).t(),
        "each second": torch.arange(10)[::2],
        "trained": torch.randn(3, requires_grad=True),
    },
    "names": {'q"\\\n\x01\x7f': torch.zeros(1), "β": torch.ones(1), "": torch.zeros(2), "a/b": torch.zeros(3)},
}


@pytest.mark.parametrize("tensors", TENSORS.values(), ids=TENSORS)
def test_it_is_the_librarys_file_byte_for_byte(tensors: dict[str, Tensor]) -> None:
    packed = Packed(tensors)
    content = b"".join(packed)
    assert content == save({name: tensor.detach().contiguous() for name, tensor in tensors.items()})
    assert len(packed) == len(content)
    assert b"".join(chunks(packed)) == content
    found = load(content)
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
