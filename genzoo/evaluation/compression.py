"""Sizes of images in bits."""

from __future__ import annotations

import io
import math

import torch
from torch import Tensor

NATS_IN_A_BIT = math.log(2)


def bits(nats: float) -> float:
    """Convert nats to bits."""
    return nats / NATS_IN_A_BIT


def png_bits(image: Tensor) -> int:
    """Return the size of an image [C, H, W] in [0, 1] as a PNG file, header included; 1 bit per pixel if binary."""
    from PIL import Image

    levels = (image.clamp(0, 1) * 255).round().to(torch.uint8)
    pixels = levels.permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if pixels.shape[2] == 1 and bool(((levels == 0) | (levels == 255)).all()):
        picture = picture.convert("1")
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return 8 * len(file.getvalue())
