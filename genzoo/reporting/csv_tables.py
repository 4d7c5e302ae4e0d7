"""Comparisons as CSV, for spreadsheets: a line for each row and metric."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from genzoo.comparison.ranking import ranks
from genzoo.comparison.selection import Selection
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Part, Row, Table


def compared(tables: Iterable[Table]) -> str:
    """Return tables of test data: mean, intervals, seeds, and the rank by the metric."""
    lines: list[list[Any]] = [
        ["protocol", "model", "figure", "mean", "interval_95", "test_interval_95", "seeds", "rank", "not_available"]
    ]
    for table in tables:
        places = {name: ranks(table, name) for name in table.metrics()}
        for number, row in enumerate(table.rows):
            for name in table.metrics():
                known, reason = cells(row.estimate(name))
                end = [row.seeds, places[name][number], reason]
                lines.append([table.protocol, table.label(row), name, *known, *end])
    return written(lines)


def selected(selections: Iterable[Selection]) -> str:
    """Return what was chosen among, the best first, by validation data; of the chosen one the test data too."""
    lines: list[list[Any]] = [
        ["protocol", "model", "split", "figure", "mean", "interval_95", "test_interval_95", "seeds", "not_available"]
    ]
    for selection in selections:
        chosen: list[tuple[Row, Part]] = [(row, "validation") for row in selection.rows]
        chosen += [(selection.best, "test")] if selection.best else []
        for row, split in chosen:
            for name in selection.metrics:
                known, reason = cells(row.estimate(name, split))
                lines.append([selection.table.protocol, selection.label(row), split, name, *known, row.seeds, reason])
    return written(lines)


def cells(found: Estimate | str) -> tuple[list[Any], str]:
    """Return mean and intervals of an estimate, and why there are none; "" if there are."""
    return (["", "", ""], found) if isinstance(found, str) else ([found.mean, found.interval, found.test_interval], "")


def written(lines: Iterable[Iterable[Any]]) -> str:
    """Return lines as CSV, without the last line's end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().rstrip("\n")
