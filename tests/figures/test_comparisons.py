"""Figures of several runs."""

from __future__ import annotations

import io

from genzoo.comparison.rate_distortion import Curve, Point
from genzoo.figures.canvas import new_figure
from genzoo.figures.comparisons import frame, rate_distortion


def test_lines_of_one_bound_are_where_rate_and_distortion_add_up_to_it() -> None:
    axes = new_figure(6, 6).subplots()
    assert frame(axes, [0.0, 20.0], [70.0, 95.0]) == (20.0, 25.0)
    sums = [{round(float(x + y), 6) for x, y in line.get_xydata()} for line in axes.lines]
    assert len(sums) > 4
    assert all(len(line) == 1 for line in sums)
    assert {f"{next(iter(line)):g}" for line in sums} >= {text.get_text() for text in axes.texts}
    assert axes.get_aspect() == 1.0  # one nat is as long on either axis
    frame(axes, [0.0, 1.0], [0.0, 1.0])
    rate_distortion(io.BytesIO(), [("a protocol", [Curve("one", (Point("β=1", 2.0, 3.0),))])])
