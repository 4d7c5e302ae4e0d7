"""Sizes in bits, of nats and of PNG files."""

from __future__ import annotations

import io
import math

import pytest
import torch
from PIL import Image

from genzoo.evaluation.compression import bits, png_bits


def test_sizes_in_bits() -> None:
    assert bits(math.log(2) * 5) == pytest.approx(5)
    grey = torch.rand(1, 40, 40, generator=torch.Generator().manual_seed(0))
    assert png_bits(grey) > 40 * 40 * 8, "noise cannot be compressed"
    black_and_white = (grey > 0.5).float()
    assert 40 * 40 < png_bits(black_and_white) < 2 * 40 * 40, "one bit a pixel, and the header"
    buffer = io.BytesIO()
    colour = torch.zeros(3, 10, 10)
    Image.new("RGB", (10, 10)).save(buffer, "PNG", optimize=True)
    assert png_bits(colour) == 8 * len(buffer.getvalue())
