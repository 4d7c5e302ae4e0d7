"""Tables of runs as one page: a file that opens anywhere, offline, and loads nothing."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from genzoo.comparison.rate_distortion import curves
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Table
from genzoo.figures.comparisons import intervals, rate_distortion


@dataclass(frozen=True)
class Part:
    """One table of the page."""

    table: Table
    figure: str
    """By which the rows are sorted."""
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    warnings: Sequence[str]
    notes: Sequence[str]

    @property
    def figures(self) -> list[dict[str, str]]:
        """Pictures of the table, each whole within the page."""
        found = []
        if any(isinstance(row.estimate(self.figure), Estimate) for row in self.table.rows):
            drawn = picture(lambda file: intervals(file, self.table, self.figure))
            found.append({"about": f"{self.figure.replace('_', ' ')} of every row", "source": drawn})
        known = curves(self.table)
        if sum(len(curve.points) for curve in known) > 1:
            drawn = picture(lambda file: rate_distortion(file, [(self.table.protocol, known)]))
            found.append({"about": "rate and distortion of every row that has both", "source": drawn})
        return found


def picture(draw: Callable[[IO[bytes]], None]) -> str:
    """What is drawn, as the text that a page shows it by."""
    file = io.BytesIO()
    draw(file)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def page(tables: Sequence[Part]) -> str:
    """The page as HTML. Every text in it is escaped by the template."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(loader=PackageLoader("genzoo.reporting"), autoescape=True, undefined=StrictUndefined)
    return templates.get_template("comparison.html.jinja").render(tables=tables)
