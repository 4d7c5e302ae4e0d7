"""Which columns of a table are read, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from genzoo.core.errors import UsageError, did_you_mean
from genzoo.data.readers.dialect import Decimal, Dialect, Header, Separator, is_missing

Index = Literal["auto", "keep", "drop"]
Missing = Literal["error", "drop", "mean"]
SHOWN = 8
"""Names in a message."""


@dataclass(frozen=True)
class TableOptions:
    """How a table is to be read; the options of the dataset that has tables."""

    label: str = ""
    drop: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    header: Header = "auto"
    index: Index = "auto"
    missing: Missing = "error"
    separator: Separator = "auto"
    decimal: Decimal = "auto"
    needed: bool = True
    """Whether the column of labels has to be there and the user can choose; not for a finished run's later tables."""

    @classmethod
    def of(cls, config: Any) -> TableOptions:
        """Those of a dataset's options that are about tables."""
        return cls(**{f.name: getattr(config, f.name) for f in fields(cls) if hasattr(config, f.name)})


@dataclass(frozen=True)
class Known:
    """The columns that a model was trained on."""

    names: tuple[str, ...]
    """() where the table had no header."""
    places: tuple[int, ...]
    width: int
    """How many columns the table had, the label's and those left out among them."""


@dataclass
class Columns:
    """The columns of one table."""

    kept: list[int]
    """RunPaths of the columns that are numbers of an example, in the order of the example."""
    label: int | None = None
    notes: list[str] = field(default_factory=list)


def choose(
    path: Path, dialect: Dialect, rows: Sequence[Sequence[str]], options: TableOptions, known: Known | None
) -> Columns:
    """The columns to read, as the options say or, for a model's later table, as it was trained.

    Args:
        path: Named in errors.
        dialect: The names of all columns.
        rows: The first lines.
        options: Those of the training, also for a later table.
        known: The columns of the training, for a later table.

    Raises:
        UsageError: A column that is not there, or text where numbers are needed.
    """
    names = dialect.names
    if known is not None:
        return _matched(path, dialect, options, known)
    asked = options.label and (options.needed or options.label in names)
    label = _place(path, names, options.label) if asked else None
    columns = Columns(list(range(len(names))), label)
    left_out = {_place(path, names, name) for name in options.drop}
    if options.select:
        columns.kept = sorted({_place(path, names, name) for name in options.select})
    elif _is_index(dialect, rows, options):
        left_out.add(0)
        columns.notes.append(f"column {names[0] or 1} numbers the lines and is left out; --data.index keep takes it")
    empty = [place for place in columns.kept if not names[place] and all(is_missing(row[place]) for row in rows)]
    if empty:
        columns.notes.append(f"{counted(len(empty), 'column')} without a name and without a value: left out")
    columns.kept = [place for place in columns.kept if place not in {label, *left_out, *empty}]
    if not columns.kept:
        raise UsageError(f"{path} has no column beside the label's", "name a table of numbers")
    _refuse_text(path, dialect, rows, columns, options)
    return columns


def _matched(path: Path, dialect: Dialect, options: TableOptions, known: Known) -> Columns:
    """The columns of the training in a later table: by name, or by place where one of both has no names."""
    names = dialect.names
    label = names.index(options.label) if options.label in names else None
    if known.names and dialect.header:
        missing = [name for name in known.names if name not in names]
        if missing:
            raise UsageError(
                f"{path} lacks {counted(len(missing), 'column')} that the model was trained on: {listed(missing)}",
                f"its columns: {listed(names)}",
            )
        for name in known.names:
            if names.count(name) > 1 and list(known.names) != [n for n in names if n in known.names]:
                raise UsageError(f"{path} has {names.count(name)} columns called {name!r}", "give each its own name")
        if list(known.names) == [name for name in names if name in known.names]:
            kept = [place for place, name in enumerate(names) if name in known.names]
        else:
            kept = [names.index(name) for name in known.names]
        others = [name for place, name in enumerate(names) if place not in {*kept, label} and name]
        expected = {*options.drop, options.label}
        notes = [f"{path}: columns that the model was not trained on are left out: {listed(others)}"]
        return Columns(kept, label, notes if set(others) - expected else [])
    count = len(known.places)
    if len(names) not in (count, known.width):
        raise UsageError(f"{path} holds examples of {len(names)}; the model takes {count}", "give others")
    whole = len(names) == known.width
    if whole and options.label and label is None and options.label.isdigit() and len(names) > count:
        label = int(options.label) - 1
    kept = list(known.places) if whole else list(range(count))
    note = f"{path} has no header: its columns are taken in the order of the training"
    return Columns(kept, label, [note] if known.names else [])


def _is_index(dialect: Dialect, rows: Sequence[Sequence[str]], options: TableOptions) -> bool:
    """Whether the first column only numbers or names the lines, as pandas and R write it: it has no name of its own."""
    if options.index != "auto" or not dialect.header:
        return options.index == "drop"
    name, cells = dialect.names[0], [row[0] for row in rows]
    numbers = [dialect.number(cell) for cell in cells]
    counts = all(number is not None and number.is_integer() for number in numbers)
    distinct = len(set(cells)) == len(cells) > 0
    if name == "index":
        return counts and distinct and numbers[0] in (0, 1) and numbers[-1] == numbers[0] + len(numbers) - 1
    unnamed = not name or name.startswith("Unnamed: ")
    return unnamed and distinct and len(dialect.names) > 1 and (counts or None in numbers)


def _refuse_text(
    path: Path, dialect: Dialect, rows: Sequence[Sequence[str]], columns: Columns, options: TableOptions
) -> None:
    """Refuses columns that hold no number at all, all of them in one line."""
    texts = []
    for place in columns.kept:
        cells = [row[place] for row in rows if not is_missing(row[place])]
        if len(cells) > 1 and all(dialect.number(cell) is None for cell in cells):
            texts.append((dialect.names[place] or str(place + 1), cells[0].strip()))
    if texts:
        names = [name for name, _ in texts]
        example = texts[0][1] if len(texts[0][1]) <= 20 else texts[0][1][:19] + "…"
        words = " ".join(repr(name) if " " in name else name for name in names[: 4 * SHOWN])
        raise UsageError(
            f"{path}: {counted(len(names), 'column')} of text, not numbers: {listed(names)} (such as {example!r})",
            f"leave out: --data.drop {words}\na column of classes is named by --data.label COLUMN"
            if options.needed
            else "give columns of numbers, as in the training",
        )


def _place(path: Path, names: Sequence[str], wanted: str) -> int:
    """The column with a name or, if none is called so, with a number from 1."""
    if names.count(wanted) > 1:
        numbers = [str(place + 1) for place, name in enumerate(names) if name == wanted]
        raise UsageError(
            f"{path} has {len(numbers)} columns called {wanted!r}", f"give its number: {' or '.join(numbers)}"
        )
    if wanted in names:
        return names.index(wanted)
    if wanted.isdecimal() and 1 <= int(wanted[:9]) <= len(names):
        return int(wanted) - 1
    raise UsageError(f"{path} has no column {wanted!r}.{did_you_mean(wanted, names)}", f"columns: {listed(names)}")


def listed(names: Sequence[str]) -> str:
    """Names in a message, not too many."""
    return ", ".join(name[:40] or '""' for name in names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def counted(count: int, noun: str) -> str:
    """1 column, 2 columns."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
