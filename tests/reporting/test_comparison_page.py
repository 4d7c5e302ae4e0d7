"""The HTML page of a comparison."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import make, shown


def test_the_page_is_whole_and_loads_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "evil", "<script>alert(1)</script>", 0, 1.0)
    page = shown(capsys, tmp_path, "--html")
    assert "<script" not in page
    assert set(re.findall(r"(?:src|href)=\"(.{6})", page)) == {"data:i", "data:,"}  # pictures, and no icon
    assert "url(" not in page
    assert "@import" not in page
    open_tags: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag not in ("meta", "link", "img", "br"):
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Balance().feed(page)
    assert not open_tags
