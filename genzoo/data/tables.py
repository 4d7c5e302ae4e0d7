"""Reading tables of numbers from CSV files."""

from __future__ import annotations

import csv
import io
import itertools
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from genzoo.errors import UsageError, did_you_mean
from genzoo.reading import open_regular

LARGEST = 1 << 30
"""Bytes of the file."""
LONGEST_LINE = 1 << 22
"""Characters."""
MOST_COLUMNS = 100_000
MOST_BLANK = 1000
SEPARATORS = ",;\t"


class Table(NamedTuple):
    """Numbers in columns."""

    x: NDArray[np.float32]
    """[N, F], the label column taken out."""
    labels: list[str] | None
    """[N] as written, or None."""
    columns: list[str]
    """[F] names; numbers from 1 in a table without a header."""


def read_table(path: Path, label: str = "", *, needed: bool = True) -> Table:
    """A table of finite numbers. Its first line is a header if none of its cells is a number.

    Args:
        path: Separated by commas, semicolons or tabs, whichever the first line has most of.
        label: Name or number (from 1) of the column that holds classes; "": none.
        needed: Whether a table without that column is refused.

    Raises:
        UsageError: A text, an empty cell, NaN, infinity or a line of another length, named by line and column.
    """
    lines = _lines(path)
    number, first = next(lines, (0, []))
    if not first:
        raise UsageError(f"{path} is empty", "name a table of numbers")
    header = all(_number(cell) is None for cell in first)
    columns = [cell.strip() for cell in first] if header else [str(place + 1) for place in range(len(first))]
    place = _place(path, columns, label) if label and (needed or label in columns) else None
    rows: list[list[float]] = [] if header else [_row(path, number, first, columns, place)]
    labels = [] if header or place is None else [first[place].strip()]
    for number, cells in lines:
        rows.append(_row(path, number, cells, columns, place))
        if place is not None:
            labels.append(cells[place].strip())
    if not rows:
        raise UsageError(f"{path} has a header and no numbers", "name a table of numbers")
    kept = [name for position, name in enumerate(columns) if position != place]
    if not kept:
        raise UsageError(f"{path} has no column beside the label's", "name a table of numbers")
    return Table(np.asarray(rows, dtype=np.float32), None if place is None else labels, kept)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not blank, with their numbers."""
    try:
        with io.TextIOWrapper(open_regular(path), encoding="utf-8-sig", newline="") as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                raise UsageError(f"{path} has more than {LARGEST:,} bytes", "give its numbers as .npz")
            lines = _bounded(path, file)
            start = [next(lines)]
            while start[-1].isspace():
                start.append(next(lines))
                if len(start) > MOST_BLANK:
                    raise UsageError(f"{path} begins with {MOST_BLANK} blank lines", "name a table of numbers")
            separator = max(SEPARATORS, key=start[-1].count)  # a comma where there is none: one column
            reader = csv.reader(itertools.chain(start, lines), delimiter=separator)
            for cells in reader:
                if len(cells) > MOST_COLUMNS:
                    raise UsageError(f"{path} has more than {MOST_COLUMNS:,} columns", "give its numbers as .npz")
                if cells:
                    yield reader.line_num, cells
    except (UnicodeDecodeError, csv.Error):
        raise UsageError(f"{path} is no table in UTF-8", "save it as CSV") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "name a CSV file") from None


def _bounded(path: Path, file: TextIO) -> Iterator[str]:
    """The lines of a file, none of which may be as long as a whole file of numbers; the last one is empty."""
    for number in itertools.count(1):
        line = file.readline(LONGEST_LINE)
        if len(line) == LONGEST_LINE:
            raise UsageError(f"{path}, line {number} has more than {LONGEST_LINE:,} characters", "give .npz instead")
        yield line
        if not line:
            return


def _place(path: Path, columns: list[str], label: str) -> int:
    if label not in columns:
        shown = ", ".join(columns[:8]) + (", …" if len(columns) > 8 else "")
        raise UsageError(f"{path} has no column {label!r}.{did_you_mean(label, columns)}", f"columns: {shown}")
    return columns.index(label)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _row(path: Path, line: int, cells: list[str], columns: list[str], place: int | None) -> list[float]:
    """The numbers of one line."""
    if len(cells) != len(columns):
        raise UsageError(f"{path}, line {line}: {len(cells)} columns instead of {len(columns)}", "mend the line")
    values = []
    for position, (name, cell) in enumerate(zip(columns, cells, strict=True)):
        if position == place:
            continue
        value = _number(cell)
        if value is None or not math.isfinite(value) or abs(value) > float(np.finfo(np.float32).max):
            shown = repr(cell if len(cell) <= 20 else cell[:19] + "…")
            hint = "mend or drop it; a column of classes is named by --data.label COLUMN"
            raise UsageError(f"{path}, line {line}, column {name[:40]}: {shown} is no finite number", hint)
        values.append(value)
    return values
