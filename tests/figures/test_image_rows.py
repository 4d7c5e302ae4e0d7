"""Rows of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from genzoo.figures import image_grid
from genzoo.figures.canvas import grid_of
from genzoo.figures.image_rows import centred, save_pairs, save_rows


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The arguments of every call of `save_grids`."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(image_grid, "save_grids", lambda *args, **kwargs: calls.append(args))
    return calls


def test_a_row_of_the_tensor_is_a_row_of_the_grid(saved: list[tuple[Any, ...]]) -> None:
    images = torch.rand(2, 3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    save_rows(Path("a.png"), images, "title", ["one", "two"])
    ((path, (grid,), title, width, rows, columns),) = saved
    assert (path, title, width, columns.names) == (Path("a.png"), "title", 4.5, ())
    assert torch.equal(grid, grid_of(images.flatten(0, 1), 3))
    assert (rows.places, rows.names) == ([2.75, 8.25], ["one", "two"])  # 11 pixels: two rows of 4, three lines of 1


def test_labels_are_at_the_middles_of_equal_parts() -> None:
    assert centred(100, ["a", "b"]) == ([25.0, 75.0], ["a", "b"])
    assert centred(100, []) == ([], [])


def test_a_pair_is_an_original_above_its_reconstruction(saved: list[tuple[Any, ...]]) -> None:
    originals, again = torch.zeros(5, 1, 2, 2), torch.full((5, 1, 2, 2), 0.5)
    save_pairs(Path("a.png"), originals, again, "title", columns=3)
    ((_, grids, _, width),) = saved
    assert width == pytest.approx(0.75 * 3 + 0.4)
    assert [tuple(grid.shape) for grid in grids] == [(7, 10, 3), (7, 10, 3)]
    assert torch.equal(grids[0][1:3, 1:3], torch.zeros(2, 2, 3))
    assert torch.equal(grids[0][4:6, 1:3], torch.full((2, 2, 3), 0.5))
