"""The figure of a leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_boards import board, made_up
from matplotlib.text import Text

from genzoo.figures import leaderboard


@pytest.mark.long
@pytest.mark.usefixtures("composed_figures")
def test_every_model_is_named_in_the_picture_and_no_name_covers_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"model-{number}" for number in range(8)]
    runs = [
        made_up(tmp_path / name, name, negative_elbo=100 + number * 1e-3, mse=0.01) for number, name in enumerate(names)
    ]
    drawn: list[Any] = []
    monkeypatch.setattr(leaderboard, "save", lambda figure, path: drawn.append(figure))
    leaderboard.draw(tmp_path / "x.png", board(*runs))
    (figure,) = drawn
    figure.draw_without_rendering()
    assert len(figure.axes) == 2
    for axes in figure.axes:
        named = [text for text in axes.texts if text.get_text() in names]
        boxes = [Text.get_window_extent(text) for text in named]  # an annotation's own includes its line
        assert len(boxes) == len(names)
        assert not any(one.overlaps(other) for n, one in enumerate(boxes) for other in boxes[:n])
