"""Estimates as text, and tables as Markdown."""

from __future__ import annotations

import pytest

from genzoo.comparison.statistics import Estimate
from genzoo.reporting.tables import ReportTable, as_markdown, estimate_text, interval_text, markdown_table, rounded_mean


def test_an_estimate_has_the_intervals_that_are_known() -> None:
    assert estimate_text(Estimate((0.02,))) == "0.02000"
    assert estimate_text(Estimate((100.25,), 1.5)) == "100.25, test ± 2.94"
    assert estimate_text(Estimate((100.0, 101.0))) == "100.50 ± 6.35"  # t₀.₉₇₅ with one degree of freedom is 12.706
    assert estimate_text("no prior p(z)") == "n/a (no prior p(z))"


@pytest.mark.parametrize(
    ("interval", "decimals", "text"), [(0.126, 2, "0.13"), (0.0004, 2, "0.0004"), (0.0, 2, "0.00"), (3.2, 0, "3")]
)
def test_an_interval_has_the_decimals_of_its_mean_unless_these_are_0(interval: float, decimals: int, text: str) -> None:
    assert interval_text(interval, decimals) == text


def test_a_speed_has_no_decimals() -> None:
    assert rounded_mean(Estimate((12345.6, 12345.6))) == "12,346"
    assert rounded_mean(Estimate((100.0, 110.0))) == "105"
    assert rounded_mean(Estimate((5208.4, 1076467.0))) == "5,208–1,076,467"  # a mean of these is the speed of none
    assert rounded_mean("not measured") == "n/a (not measured)"


def test_markdown() -> None:
    assert markdown_table([["model", "a|b"], ["vae", "1"]]) == "| model | a\\|b |\n| --- | --- |\n| vae | 1 |"
    table = ReportTable("title", [["model"], ["vae"]], ["a note"])
    assert as_markdown([table]) == "**title**\n\n| model |\n| --- |\n| vae |\n\na note"
