"""Figures of vector data."""

from __future__ import annotations

import pytest
import torch

from genzoo.figures.scatter import planes

pytestmark = pytest.mark.usefixtures("drawn_figures")


def test_points_of_three_dimensions_are_seen_from_three_sides() -> None:
    x = torch.randn(10, 3)
    views = planes(x, 2 * x)
    assert [(across, up) for across, up, _ in views] == [("x₀", "x₁"), ("x₀", "x₂"), ("x₁", "x₂")]
    torch.testing.assert_close(views[1][2][1], 2 * x[:, [0, 2]].double())
