"""Templates escape every text."""

from __future__ import annotations

import base64

import jinja2
import pytest

from genzoo.reporting.html import data_url, render


def test_every_text_is_escaped() -> None:
    page = render("comparison.html.jinja", title="<b>&\"'", sections=[], figures=[])
    assert "<h1>&lt;b&gt;&amp;&#34;&#39;</h1>" in page
    assert "<b>" not in page


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("comparison.html.jinja", sections=[], figures=[])


def test_a_picture_is_within_the_page() -> None:
    kind, _, text = data_url(b"\x89PNG").partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(text) == b"\x89PNG"
