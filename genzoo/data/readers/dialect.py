"""The dialect of a table, guessed from its first lines: separator, decimal mark and header."""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from _csv import Reader

SEPARATORS = {"semicolon": ";", "tab": "\t", "bar": "|", "comma": ",", "space": " "}
"""Separators by name, in the order in which they are tried."""
MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", "."}
"""Content of a cell without a value, in lower case."""
TRUTHS = {"true": 1.0, "false": 0.0}
GROUPED_NUMBER = re.compile(r"[-+]?\d{1,3}([., '_]\d{3})+([.,]\d+)?")
COMMA_NUMBER = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")

Header = Literal["auto", "yes", "no"]
Separator = Literal["auto", "comma", "semicolon", "tab", "bar", "space"]
Decimal = Literal["auto", "point", "comma"]


@dataclass
class Dialect:
    """The dialect of one file."""

    separator: str
    """One of `SEPARATORS`; a space means any number of spaces and tabs."""
    comma: bool
    """Whether numbers have a decimal comma."""
    header: bool
    """Whether the first line names the columns."""
    names: list[str]
    """Names of all columns; numbers from 1 without a header."""
    notes: list[str] = field(default_factory=list)
    """What was guessed, one line each."""

    def number(self, cell: str) -> float | None:
        """Return the number in a cell; None for other text."""
        if "_" in cell or (self.comma and "." in cell):  # Python's float accepts 1_000
            return None
        try:
            return float(cell.replace(",", ".") if self.comma else cell)
        except ValueError:
            return TRUTHS.get(cell.strip().lower())

    def name_from_comment(self, comment: str) -> None:
        """Use the column names in a comment above the numbers, as written by numpy.savetxt."""
        names = [name.strip() for name in next(iter(split([comment.lstrip("# ").rstrip()], self.separator)), [])]
        if len(names) == len(self.names) > 1 and all(self.number(name) is None for name in names):
            self.header, self.names = True, names


def is_missing(cell: str) -> bool:
    """Return whether a cell is marked as missing."""
    return cell.strip().lower() in MISSING


def split(lines: Iterable[str], separator: str) -> Reader:
    """Return a reader of the cells of each line; a blank line is an empty list."""
    if separator == " ":
        lines = (line.replace("\t", " ").rstrip() for line in lines)
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def find_separator(lines: Sequence[str]) -> str:
    """Return the separator that gives all lines equally many cells; else the most frequent one of the first line."""
    for separator in SEPARATORS.values():
        counts = {len(cells) for cells in split(lines[1:] or lines, separator) if cells}
        if len(counts) == 1 and counts != {1} and (separator != " " or _some_number(lines)):
            return separator
    frequent = max((s for s in SEPARATORS.values() if s != " "), key=lines[0].count)
    return frequent if frequent in lines[0] else ","  # one column


def _some_number(lines: Sequence[str]) -> bool:
    """Return whether a word of the last line is a number: a name of two words is not two columns."""
    plain = Dialect(" ", comma=False, header=False, names=[])
    return any(plain.number(cell) is not None for cell in lines[-1].split())


def find_comma(rows: Sequence[Sequence[str]], separator: str) -> bool:
    """Return whether numbers have a decimal comma: some cells have one, and no number has a point."""
    cells = [cell.strip() for row in rows for cell in row]
    plain = Dialect(separator, comma=False, header=False, names=[])
    pointed = any("." in cell and plain.number(cell) is not None for cell in cells)
    return separator != "," and not pointed and any(COMMA_NUMBER.fullmatch(cell) for cell in cells)


def guess_header(first: Sequence[str], rows: Sequence[Sequence[str]], dialect: Dialect) -> tuple[bool, str]:
    """Return whether the first line names the columns, and a note for the user if that is ambiguous ("" if not).

    A line without a number is a header. A line with numbers is a header if it has text above numbers, or if its
    numbers are a sequence such as 0,1,2 or 2019,2020 and the numbers below are not.
    """
    numbers = [dialect.number(cell) for cell in first]
    stated = f"line 1 ({_shown(first)}) is taken for"
    if all(number is None or not math.isfinite(number) for number in numbers):
        return not any(number is not None for number in numbers) or not rows, ""
    rows = [row for row in rows if len(row) == len(first)]
    for place, number in enumerate(numbers):
        below = [row[place] for row in rows]
        if number is None and not is_missing(first[place]) and _numeric(below, dialect):
            return True, f"{stated} a header; for an example: --data.header no"
    run = [int(number) for number in numbers if number is not None and number.is_integer()]
    others = [place for place, number in enumerate(numbers) if number is not None]
    texts = [place for place, number in enumerate(numbers) if number is None and not is_missing(first[place])]
    new = bool(texts) and all(first[place] not in {row[place] for row in rows} for place in texts)
    if len(run) == len(others) and (
        (_is_run(run) and _unlike(run, rows, others, dialect))
        or (new and len(set(run)) == len(run) and all(_fractions(rows, place, dialect) for place in others))
    ):
        return True, f"{stated} a header; for an example: --data.header no"
    return False, f"{stated} an example; for a header: --data.header yes" if texts else ""


def _numeric(cells: Sequence[str], dialect: Dialect) -> bool:
    """Return whether there are values and all are numbers."""
    known = [cell for cell in cells if not is_missing(cell)]
    return bool(known) and all(dialect.number(cell) is not None for cell in known)


def _is_run(numbers: Sequence[int]) -> bool:
    """Return whether whole numbers count up by one, or are years in ascending order."""
    steps = {b - a for a, b in itertools.pairwise(numbers)}
    return steps == {1} or (bool(steps) and min(steps) > 0 and _are_years(numbers))


def _are_years(numbers: Sequence[int]) -> bool:
    return numbers[0] >= 1900 and numbers[-1] <= 2100


def _fractions(rows: Sequence[Sequence[str]], place: int, dialect: Dialect) -> bool:
    """Return whether a column holds numbers with a fraction."""
    values = [dialect.number(row[place]) for row in rows]
    return any(value is not None and not value.is_integer() for value in values)


def _unlike(run: Sequence[int], rows: Sequence[Sequence[str]], places: Sequence[int], dialect: Dialect) -> bool:
    """Return whether the numbers below a sequence do not continue it.

    Fractions do not. Whole numbers do not if the sequence is 0, 1, 2, … or years and more than half of them lie outside
    its range; 0 and 1 below 0,1 do.
    """
    values = [dialect.number(row[place]) for row in rows for place in places]
    known = [value for value in values if value is not None and math.isfinite(value)]
    fractions = any(not value.is_integer() for value in known)
    strong = (run[0] == 0 and len(run) > 2) or _are_years(run)
    outside = [value for value in known if not run[0] <= value <= run[-1]]
    return fractions or (strong and 2 * len(outside) > len(known))


def _shown(cells: Sequence[str]) -> str:
    return ",".join(cell.strip()[:20] for cell in cells[:5]) + (",…" if len(cells) > 5 else "")
