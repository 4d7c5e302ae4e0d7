"""Read tables of numbers from CSV files."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genzoo.core.errors import UsageError
from genzoo.core.text import counted
from genzoo.data.readers.columns import Columns, TableOptions, TrainedColumns, choose, listed
from genzoo.data.readers.dialect import (
    COMMA_NUMBER,
    GROUPED_NUMBER,
    SEPARATORS,
    Dialect,
    find_comma,
    find_separator,
    guess_header,
    is_missing,
    split,
)
from genzoo.data.readers.growing_array import GrowingArray
from genzoo.data.readers.lines import Lines, encoding_of
from genzoo.system.reading import unread

MOST_COLUMNS = 100_000
CELLS = 1 << 17
"""Cells converted to numbers at once."""
UNLABELLED = {"", "nan", "na", "n/a", "null", "?"}
"""Content of a cell without a label, in lower case. It has no "none": some tables have a class None."""
EXACT = 1 << 24
"""Single precision represents every whole number up to this one."""
LARGEST = float(np.finfo(np.float32).max)


class Table(NamedTuple):
    """Numbers in columns."""

    x: NDArray[np.float32]
    """[N, F], without the label column; NaN for a missing value that is to be filled in."""
    labels: list[str] | None
    """[N], as written; None without a label column."""
    columns: list[str]
    """Names of the columns, [F]; numbers from 1 in a table without a header."""
    rows: NDArray[np.int64]
    """The index of each example in the file, [N]. Examples with missing values may be left out."""
    known: TrainedColumns
    """The columns, for matching later tables."""
    notes: list[str]
    """What was guessed or left out, one line each."""


def read_table(path: Path, options: TableOptions | None = None, known: TrainedColumns | None = None) -> Table:
    """Read a table of finite numbers.

    Args:
        path: A text file with one example a line.
        options: How to read it; what is "auto" is guessed from the first lines.
        known: The columns of the training, for a table that is given to a trained model.

    Raises:
        UsageError: A cell holds text, nothing or infinity, or a line has the wrong length; line and column are named.
    """
    try:
        encoding = encoding_of(path)
        try:
            return _Reader(Lines(path, encoding), options or TableOptions(), known).table()
        except UnicodeDecodeError:
            if encoding == "utf-16":
                raise
        table = _Reader(Lines(path, "latin-1"), options or TableOptions(), known).table()
    except (UnicodeError, csv.Error):
        raise UsageError(f"{path} is not a text table", "save it as CSV in UTF-8") from None
    except OSError as error:
        raise UsageError(unread(path, error), "name a CSV file") from None
    table.notes.append(f"{path} is not in UTF-8 and is read as Latin-1")
    return table


class _Reader:
    """Reads one file."""

    def __init__(self, lines: Lines, options: TableOptions, known: TrainedColumns | None) -> None:
        self.path = lines.path
        self.lines = lines
        self.options = options
        self.known = known
        self.missing = ""
        """Position and content of the first cell without a value or label; "" if there is none."""
        self.incomplete = 0
        """Number of examples with a missing value or label."""
        self.unlabelled = False
        """Whether a label is missing."""
        self.rounded: set[int] = set()
        """Columns with whole numbers that single precision cannot represent."""

    def table(self) -> Table:
        """Read the whole file."""
        sample = self.lines.sample()
        dialect, skipped = self._dialect(sample)
        body = _filled(split(sample, dialect.separator))[skipped:]
        body = [cells for cells in body if len(cells) == len(dialect.names)]
        columns = choose(self.path, dialect, body, self.options, self.known)
        records = self._records(itertools.chain(sample, self.lines), skipped, dialect)
        x, labels, rows = self._collect(records, dialect, columns)
        names = [dialect.names[place] or str(place + 1) for place in columns.kept]
        known = TrainedColumns(tuple(names) if dialect.header else (), tuple(columns.kept), len(dialect.names))
        return Table(x, labels, names, rows, known, [*dialect.notes, *columns.notes, *self._notes(dialect)])

    def _dialect(self, sample: list[str]) -> tuple[Dialect, int]:
        """Return the dialect of the file and its number of header lines: 0 or 1."""
        options = self.options
        separator = SEPARATORS.get(options.separator) or find_separator([li for li in sample if not li.isspace()])
        rows = _filled(split(sample, separator))
        if not rows:
            raise UsageError(f"{self.path} is empty", "name a table of numbers")
        first = [cell.strip() for cell in rows[0]]
        if len(first) > MOST_COLUMNS:
            raise UsageError(f"{self.path} has more than {MOST_COLUMNS:,} columns", "give its numbers as .npz")
        comma = options.decimal == "comma" or (options.decimal == "auto" and find_comma(rows, separator))
        dialect = Dialect(separator, comma, options.header == "yes", first)
        if comma and options.decimal == "auto" and options.needed:
            dialect.notes.append(f"{self.path} is read with decimal commas; otherwise: --data.decimal point")
        if options.header == "auto" and self._is_named(first):
            dialect.header = True
        elif options.header == "auto":
            dialect.header, note = guess_header(first, rows[1:], dialect)
            dialect.notes += [f"{self.path}: {note}"] if note and not self.known else []
        if dialect.header:
            if rows[1:] and len(rows[1]) == len(first) + 1:  # R gives the column of line names no header
                dialect.names = ["", *first]
            return dialect, 1
        dialect.names = [str(place + 1) for place in range(len(first))]
        if options.header == "auto":
            dialect.name_from_comment(self.lines.last_comment)
        return dialect, 0

    def _is_named(self, first: list[str]) -> bool:
        """Return whether the first line has column names of the options or the training, not only column numbers."""
        if self.known and self.known.names and set(first) >= set(self.known.names):
            return True
        asked = {self.options.label, *self.options.drop, *self.options.select} & set(first)
        return any(not (name.isdecimal() and int(name[:9]) <= len(first)) for name in asked - {""})

    def _records(
        self, lines: Iterable[str], skipped: int, dialect: Dialect
    ) -> Iterator[tuple[list[list[str]], list[int]]]:
        """Yield chunks of lines: their cells and their line numbers."""
        reader, width = split(lines, dialect.separator), len(dialect.names)
        chunk: list[list[str]] = []
        where: list[int] = []
        for cells in reader:
            if not any(map(str.strip, cells)):
                continue
            if skipped:
                skipped -= 1
                continue
            if len(cells) != width:
                hint = "correct the line; put text that contains a separator in quotes"
                raise UsageError(f"{self.path}, line {reader.line_num}: {len(cells)} columns instead of {width}", hint)
            chunk.append(cells)
            where.append(reader.line_num)
            if len(chunk) * width >= CELLS:
                yield chunk, where
                chunk, where = [], []
        if chunk:
            yield chunk, where

    def _collect(
        self, records: Iterator[tuple[list[list[str]], list[int]]], dialect: Dialect, columns: Columns
    ) -> tuple[NDArray[np.float32], list[str] | None, NDArray[np.int64]]:
        """Return the numbers [N, F], the labels [N], and the index of each example in the file [N]."""
        x, labels, rows = GrowingArray(), [], [np.empty(0, np.int64)]
        seen = 0
        for chunk, where in records:
            values = self._values(chunk, where, dialect, columns)
            complete = np.asarray(~np.isnan(values).any(axis=1))
            if columns.label is not None:
                names = [cells[columns.label].strip() for cells in chunk]
                complete &= self._labelled(names, where, dialect.names[columns.label])
            keep = complete if self.options.missing == "drop" else np.ones(len(chunk), bool)
            x.append(values[keep].astype(np.float32))
            labels += list(itertools.compress(names, keep.tolist())) if columns.label is not None else []
            rows.append(seen + keep.nonzero()[0])
            seen += len(chunk)
            self.incomplete += int((~complete).sum())
        if not seen:
            raise UsageError(f"{self.path} has a header and no numbers", "name a table of numbers")
        self._settle_missing(seen)
        table = x.array().reshape(-1, len(columns.kept))
        return table, labels if columns.label is not None else None, np.concatenate(rows)

    def _values(
        self, chunk: list[list[str]], where: list[int], dialect: Dialect, columns: Columns
    ) -> NDArray[np.float64]:
        """Return the numbers of a chunk of lines [n, F], NaN for missing ones."""
        kept = columns.kept
        if len(kept) < len(dialect.names) or kept != sorted(kept):
            chunk = [[cells[place] for place in kept] for cells in chunk]
        plain = not (dialect.comma or self.lines.underscored)
        self.lines.underscored = False
        try:
            flat = map(float, itertools.chain.from_iterable(chunk)) if plain else iter([math.nan])
            values = np.fromiter(flat, np.float64, len(chunk) * len(kept))
            if np.abs(values).max() <= LARGEST:  # False for NaN
                return self._noted(values.reshape(-1, len(kept)), columns)
        except ValueError:
            pass
        values = np.empty((len(chunk), len(kept)))
        names = [dialect.names[place] or str(place + 1) for place in kept]
        for row, cells in enumerate(chunk):
            values[row] = [self._number(*cell, where[row], dialect) for cell in zip(cells, names, strict=True)]
        return self._noted(values, columns)

    def _number(self, cell: str, name: str, line: int, dialect: Dialect) -> float:
        """Return the number in a cell, NaN if it is missing.

        Raises:
            UsageError: The cell holds something else.
        """
        value = dialect.number(cell)
        if value is not None and abs(value) <= LARGEST:
            return value
        if is_missing(cell):
            self.missing = self.missing or f"line {line}, column {name[:40]} has no value ({_shown(cell)})"
            return math.nan
        hint = "correct or drop it" + "; a column of classes is named by --data.label COLUMN" * self.options.needed
        if GROUPED_NUMBER.fullmatch(cell.strip()):
            hint = "remove the separators between thousands"
        if self.options.needed and COMMA_NUMBER.fullmatch(cell.strip()):
            hint = "for a decimal comma: --data.decimal comma; remove commas between thousands"
        raise UsageError(f"{self.path}, line {line}, column {name[:40]}: {_shown(cell)} is not a finite number", hint)

    def _labelled(self, labels: list[str], where: list[int], name: str) -> NDArray[np.bool_]:
        """Return the mask [n] of lines with a label."""
        found = np.array([label.lower() not in UNLABELLED for label in labels])
        if not found.all():
            place = int(found.argmin())
            self.unlabelled = True
            shown = _shown(labels[place])
            self.missing = self.missing or f"line {where[place]}, column {name[:40]} has no label ({shown})"
        return found

    def _noted(self, values: NDArray[np.float64], columns: Columns) -> NDArray[np.float64]:
        """Return the values unchanged; note the columns whose whole numbers will be rounded."""
        large = np.abs(values) > EXACT
        if large.any():
            rounded = large & (values == np.floor(values)) & (values.astype(np.float32) != values)
            self.rounded |= {columns.kept[place] for place in np.flatnonzero(rounded.any(0))}
        return values

    def _settle_missing(self, seen: int) -> None:
        """Refuse missing values unless --data.missing drops or fills them. A label cannot be filled in."""
        mode = self.options.missing
        if self.missing and (mode == "error" or (mode == "mean" and self.unlabelled)):
            hint = "leave such lines out: --data.missing drop"
            hint += "" if self.unlabelled else "\nfill in the column's mean: --data.missing mean"
            hint = hint if self.options.needed else "fill such values in, or leave such lines out"
            others = f"; {self.incomplete:,} of {seen:,} examples lack something" if self.incomplete > 1 else ""
            raise UsageError(f"{self.path}, {self.missing}{others}", hint)
        if self.incomplete == seen and mode == "drop":
            raise UsageError(f"{self.path}: no example has all its values", "drop columns: --data.drop NAME")

    def _notes(self, dialect: Dialect) -> list[str]:
        """Return lines about what was left out and rounded."""
        notes = []
        if self.incomplete:
            done = "left out" if self.options.missing == "drop" else "filled in with the means of the columns"
            notes.append(f"{self.path}: {counted(self.incomplete, 'example')} with missing values {done}")
        if self.lines.comments:
            notes.append(f"{self.path}: {counted(self.lines.comments, 'line')} beginning with # left out")
        if self.rounded:
            names = [dialect.names[place] or str(place + 1) for place in sorted(self.rounded)]
            notes.append(f"{self.path}: whole numbers beyond {EXACT:,} are rounded in {listed(names)}")
        return notes


def _filled(rows: Iterable[list[str]]) -> list[list[str]]:
    """Return the rows that are not blank."""
    return [cells for cells in rows if any(map(str.strip, cells))]


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= 20 else cell[:19] + "…")
