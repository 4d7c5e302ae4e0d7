"""The input of a figure."""

from __future__ import annotations

import torch

from genzoo.figures.context import FigureContext


def test_codes_and_decoding_are_those_of_the_model(subject: FigureContext) -> None:
    index = torch.arange(3)
    codes = subject.codes(index)
    assert (codes.dtype, tuple(codes.shape), subject.latents) == (torch.float64, (3, 6), 6)
    with torch.no_grad():
        expected = subject.autoencoder.reconstruct(subject.examples(index))
        torch.testing.assert_close(subject.decode(codes), expected, atol=1e-6, rtol=0)
        twice = subject.decode(torch.stack([codes, codes]))
    assert tuple(twice.shape) == (2, 3, 1, 8, 8)
    torch.testing.assert_close(subject.originals(index), subject.test.x[:3] / 255)


def test_images_are_shown_as_thumbnails(subject: FigureContext) -> None:
    x = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(subject.shown(x, side=4), x.unflatten(2, (4, 2)).unflatten(4, (4, 2)).mean((3, 5)))
