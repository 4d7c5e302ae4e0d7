"""Choose the columns of a table that are read; report the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from genzoo.core.errors import UsageError, did_you_mean
from genzoo.core.text import counted
from genzoo.data.readers.dialect import Decimal, Dialect, Header, Separator, is_missing

Index = Literal["auto", "keep", "drop"]
Missing = Literal["error", "drop", "mean"]
SHOWN = 8
"""The largest number of names in a message."""


@dataclass(frozen=True)
class TableOptions:
    """Options of reading a table, from the config of a dataset."""

    label: str = ""
    drop: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    header: Header = "auto"
    index: Index = "auto"
    missing: Missing = "error"
    separator: Separator = "auto"
    decimal: Decimal = "auto"
    needed: bool = True
    """Whether the label column is required and the user can change the options; False for later tables of a run."""

    @classmethod
    def of(cls, config: Any) -> TableOptions:
        """Return the table options of a dataset's config."""
        return cls(**{f.name: getattr(config, f.name) for f in fields(cls) if hasattr(config, f.name)})


@dataclass(frozen=True)
class TrainedColumns:
    """The columns that a model was trained on."""

    names: tuple[str, ...]
    """() if the table had no header."""
    places: tuple[int, ...]
    """Positions in the table, from 0."""
    width: int
    """Number of columns of the table, including the label column and those left out."""


@dataclass
class Columns:
    """The columns of one table that are read."""

    kept: list[int]
    """Positions of the columns of an example, in its order."""
    label: int | None = None
    """Position of the label column; None if there is none."""
    notes: list[str] = field(default_factory=list)
    """What was left out, one line each."""


def choose(
    path: Path, dialect: Dialect, rows: Sequence[Sequence[str]], options: TableOptions, known: TrainedColumns | None
) -> Columns:
    """Return the columns to read: those of the options or, for a trained model, those of its training.

    Args:
        path: The file, for errors.
        dialect: The names of all columns.
        rows: The first lines.
        options: The options of the training, also for a later table.
        known: The columns of the training, for a later table.

    Raises:
        UsageError: A column is missing, or holds text instead of numbers.
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
        columns.notes.append(f"column {names[0] or 1} numbers the lines and is left out; --data.index=keep takes it")
    empty = [place for place in columns.kept if not names[place] and all(is_missing(row[place]) for row in rows)]
    if empty:
        columns.notes.append(f"{counted(len(empty), 'column')} without a name and without a value: left out")
    columns.kept = [place for place in columns.kept if place not in {label, *left_out, *empty}]
    if not columns.kept:
        raise UsageError(f"{path} has no column beside the label's", "name a table of numbers")
    _refuse_text(path, dialect, rows, columns, options)
    return columns


def _matched(path: Path, dialect: Dialect, options: TableOptions, known: TrainedColumns) -> Columns:
    """Find the columns of the training in a later table: by name, or by position if either table has no names."""
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
    """Return whether the first column only numbers or names the lines, as written by pandas and R: it has no name."""
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
    """Refuse columns without any number, in one message."""
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
    """Return the position of the column with this name or, if there is none, with this number from 1."""
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
    """Return names as text: at most `SHOWN`, then "…"."""
    return ", ".join(name[:40] or '""' for name in names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
