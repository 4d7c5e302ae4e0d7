"""Tables of several runs as one HTML page: a comparison or a leaderboard."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from genzoo.comparison.rate_distortion import curves
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Table
from genzoo.figures.comparisons import intervals, rate_distortion
from genzoo.reporting.html import data_url, render
from genzoo.reporting.tables import ReportTable


@dataclass(frozen=True)
class Figure:
    """A picture on the page."""

    caption: str
    source: str
    """A data URL, see `data_url`."""


@dataclass(frozen=True)
class Section:
    """One table of the page."""

    table: ReportTable
    warnings: Sequence[str] = ()
    """The notes of the table that are shown as warnings."""
    figures: Sequence[Figure] = ()

    @property
    def notes(self) -> list[str]:
        """The notes of the table that are not warnings."""
        return [note for note in self.table.notes if note not in self.warnings]


def comparison_figures(table: Table, metric: str) -> list[Figure]:
    """Return the figures of a table that is sorted by a metric: its intervals, and rate and distortion."""
    figures = []
    if any(isinstance(row.estimate(metric), Estimate) for row in table.rows):
        source = drawn(lambda file: intervals(file, [(table, metric)]))
        figures.append(Figure(f"{metric.replace('_', ' ')} of every row", source))
    known = curves(table)
    if sum(len(curve.points) for curve in known) > 1:
        source = drawn(lambda file: rate_distortion(file, [(table.protocol, known)]))
        figures.append(Figure("rate and distortion of every row that has both", source))
    return figures


def drawn(draw: Callable[[IO[bytes]], None]) -> str:
    """Return what `draw` writes to a file, as a data URL."""
    file = io.BytesIO()
    draw(file)
    return data_url(file.getvalue())


def page(title: str, sections: Sequence[Section], figures: Sequence[Figure] = ()) -> str:
    """Return the page as HTML, with `figures` below all tables."""
    return render("comparison.html.jinja", title=title, sections=sections, figures=figures)
