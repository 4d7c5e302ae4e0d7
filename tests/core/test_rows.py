"""Rows of an array that stay where they are: the same as a tensor's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from genzoo.core.rows import Rows

RNG = np.random.Generator(np.random.Philox(1))


def test_rows_behave_as_the_tensor_they_stand_for(tmp_path: Path) -> None:
    colour = RNG.integers(0, 256, (10, 4, 5, 3), np.uint8)
    x = torch.from_numpy(np.moveaxis(colour, 3, 1).copy())
    np.save(tmp_path / "x.npy", colour)
    lazy = Rows(np.moveaxis(np.load(tmp_path / "x.npy", mmap_mode="r"), 3, 1))
    index = torch.tensor([7, 0, 0, 3])
    for one, other in ((x, lazy), (x[index], lazy.take(index)), (x[index][[2, 1]], lazy.take(index).take(index[1:3]))):
        if len(other) == 2:
            one = x[index][index[1:3]]
        assert (other.shape, other.dtype, len(other), other.numel()) == (one.shape, one.dtype, len(one), one.numel())
        assert torch.equal(other[:], one)
        assert torch.equal(other[-1], one[-1])
        assert torch.equal(other[1:3], one[1:3])
        assert torch.equal(torch.cat(list(other.split(3))), one)
    with pytest.raises(IndexError):
        lazy[10]
