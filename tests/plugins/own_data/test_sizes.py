"""Sizes of images as users give them."""

from __future__ import annotations

import pytest
from genzoo_plugins.own_data.sizes import sides

from genzoo.core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"), [("", None), ("64", (64, 64)), ("32x48", (32, 48)), ("32×48", (32, 48)), ("1x1", (1, 1))]
)
def test_sizes_are_height_and_width(text: str, expected: tuple[int, int] | None) -> None:
    assert sides(text) == expected


@pytest.mark.parametrize("text", ["0", "32x", "x48", "32x48x3", "99999", "-3", "large"])
def test_invalid_sizes_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=rf"--data\.size {text}: neither HEIGHTxWIDTH nor one number"):
        sides(text)
