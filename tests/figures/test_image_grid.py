"""Grids of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from genzoo.figures import draw as figures
from genzoo.figures.image_grid import DPI, MARGIN, Labels, save_grids

pytestmark = pytest.mark.usefixtures("drawn_figures")


def test_every_pixel_of_a_grid_is_a_square_of_whole_pixels(tmp_path: Path) -> None:
    images = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).expand(4, 1, 2, 2)
    figures.save_grid(tmp_path / "grid.png", images, "four")
    with Image.open(tmp_path / "grid.png") as picture:
        levels = torch.from_numpy(np.array(picture.convert("L")))
    factor = int(6 * DPI) // 7  # two images of two pixels, and three of white around them
    grid = levels[-7 * factor - MARGIN : -MARGIN, MARGIN : MARGIN + 7 * factor]
    blocks = grid.unfold(0, factor, factor).unfold(1, factor, factor)
    assert torch.equal(blocks.amin((2, 3)), blocks.amax((2, 3)))
    white, black = 255, 0
    row = [[white, black, white, white, black, white, white], [white, white, black, white, white, black, white]]
    expected = [[white] * 7, *row, [white] * 7, *row, [white] * 7]
    assert blocks[:, :, 0, 0].tolist() == expected


def test_names_stand_beside_their_rows_and_below_their_columns(tmp_path: Path) -> None:
    def dark(rows: Labels, columns: Labels) -> Tensor:
        save_grids(tmp_path / "s.png", [torch.ones(40, 60, 3)], "", 3, rows, columns)
        with Image.open(tmp_path / "s.png") as picture:
            levels = torch.from_numpy(np.array(picture.convert("L")))
        return (levels < 128).nonzero().double()

    factor = 3 * DPI // 60
    beside = dark(Labels([30.0], ["H"]), Labels((), ()))
    assert beside[:, 0].mean().item() == pytest.approx(MARGIN + 30 * factor, abs=3)
    below = dark(Labels((), ()), Labels([45.0], ["H"]))
    assert below[:, 1].mean().item() == pytest.approx(MARGIN + 45 * factor, abs=2)
    assert below[:, 0].min() > MARGIN + 40 * factor


def test_a_title_is_never_cut_off(tmp_path: Path) -> None:
    for title in ("short", "long " * 60):
        figures.save_grid(tmp_path / f"{len(title)}.png", torch.rand(1, 1, 4, 4), title)
    with Image.open(tmp_path / "5.png") as short, Image.open(tmp_path / "300.png") as long:
        assert short.width <= 6 * DPI + 2 * MARGIN < long.width
        right = np.array(long.convert("L"))[:, -MARGIN:]
    assert (right == 255).all()
