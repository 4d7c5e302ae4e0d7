"""Output that depends on the terminal: tables by rich, and cached help texts.

Where standard output is no terminal, or TERM is "dumb", tables are plain aligned text of any width: no colour, nothing
wrapped or cut off. rich is imported only for a table in a terminal.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import printable
from genzoo.registry.answer_cache import cached

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from genzoo.reporting.tables import ReportTable

LOOKS = ("TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE")
"""Environment variables by which programs choose colours, beside those of tyro."""
STYLES = {
    r"worse than baseline!.*|NOT beaten|WORSE than|BELOW|no likelihood can.*|DISABLED|BROKEN|collapse: .*": "bold red",
    r"^n/a.*": "dim",
}
"""What is coloured in a table and its notes, as regular expressions."""
PIECE = re.compile(r"(?:[≤≈] )?\S+(?: (?:± \S+|[kMG]B|s|min|h|d)(?!\S))?")
"""What is never broken in a table: a word; a number with its sign, and with its interval or unit."""
EASY = 16
"""The width that each column has at least, if its texts need it, where a table goes on below another one."""
INDENT, GAP = 2, 3
"""Blanks left of a table and between its columns, as in `genzoo.reporting.format.aligned`."""


class Likeness(io.StringIO):
    """Collect printed text; report the terminal properties of the stream that it stands for."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self.like = stream

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return bool(self.like.isatty())

    @property
    def encoding(self) -> Any:  # type: ignore[override]  # None for a text in memory
        """The encoding of the stream."""
        return getattr(self.like, "encoding", None)


def rendered(question: list[Any], show: Callable[[], object]) -> str:
    """Return what `show` prints to standard output, from the cache of `genzoo.registry.answer_cache` where it is there.

    A SystemExit of `show` is ignored.

    Args:
        question: What is shown, as a JSON value. The properties of the terminal are added to it.
        show: Prints.
    """
    looks = {name: value for name, value in os.environ.items() if name in LOOKS or name.startswith("PYTHON_TYRO_")}
    stream = Likeness(sys.stdout)
    terminal = [shutil.get_terminal_size().columns, stream.isatty(), stream.encoding, looks]

    def work_out() -> str:
        with contextlib.redirect_stdout(stream), contextlib.suppress(SystemExit):
            show()
        return stream.getvalue()

    text: str = cached([*question, *terminal], work_out)
    return text


def in_terminal() -> bool:
    """Return whether standard output is a terminal that can be styled."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def print_table(
    rows: Sequence[Sequence[str]],
    left: int = 1,
    header: bool = True,
    plain: str | None = None,
    names: int = 1,
    spare: Sequence[str] = (),
    cut: str | None = None,
) -> None:
    """Print rows as columns; in a terminal with colour, and not wider than it.

    Texts are wrapped where they may be broken, see `PIECE`. Columns for which there is no room even so make further
    tables below, with the columns that name the rows again; or, without room for these, each row has a line a value.

    Args:
        rows: Texts, equally many in each row.
        left: How many columns are flush left; the others are flush right.
        header: Whether the first row is a header.
        plain: The text where standard output is no terminal; without it, the aligned rows.
        names: How many columns name the rows.
        spare: Headers of columns of which the first ones are left out, as many as it takes to break no text.
        cut: Header of a column whose texts are cut off in the terminal, before a column is left out.
    """
    from genzoo.reporting.format import aligned

    if not in_terminal():
        print(aligned(rows, left) if plain is None else plain)
        return
    target, whole = console(), [[harmless(text) for text in row] for row in rows]
    for name in (None, *spare):
        left -= name in whole[0][:left]
        whole = [[text for text, head in zip(row, whole[0], strict=True) if head != name] for row in whole]
        rows = cut_off(whole, target.width, cut, EASY if name is None else 0)
        if needed(rows) <= target.width:
            break
    parts = columns_of_tables(rows, target.width, names) if header else [[*range(len(rows[0]))]]
    if not parts:
        _print_records(target, rows)
    for number, columns in enumerate(parts):
        if number:
            print()
        shown = [row for row in rows if len(parts) == 1 or any(row[place] for place in columns[names:])]
        _print_columns(target, [[row[place] for place in columns] for row in shown], left, header)


def needed(rows: Sequence[Sequence[str]]) -> int:
    """Return the width of a terminal that has room for whole lines."""
    return INDENT + sum(map(max, lengths(rows))) + (GAP - 1) * (len(rows[0]) - 1)


def cut_off(rows: Sequence[list[str]], width: int, head: str | None, least: int) -> list[list[str]]:
    """Return rows with the texts below a header cut off as far as there is no room, no shorter than it or `least`."""
    if head is None or head not in rows[0]:
        return [*rows]
    place = rows[0].index(head)
    room = max(max(len(row[place]) for row in rows) - max(needed(rows) - width, 0), len(head), least)
    texts = [row[place] if len(row[place]) <= room else f"{row[place][: room - 1]}…" for row in rows]
    return [[*row[:place], text, *row[place + 1 :]] for row, text in zip(rows, texts, strict=True)]


def columns_of_tables(rows: Sequence[Sequence[str]], width: int, names: int) -> list[list[int]]:
    """Return the columns of each table that rows are printed as, all in one if possible; [] if one does not fit.

    Args:
        rows: The texts.
        width: Columns of the terminal.
        names: How many columns name the rows: each table has them.
    """
    needs, first = longest_pieces(rows), [*range(names)]
    room = width - INDENT
    if needed(rows) <= width or sum(needs) + (GAP - 1) * len(needs) <= room:
        return [[*range(len(needs))]]
    least = [max(need, min(max(column), EASY)) + GAP - 1 for need, column in zip(needs, lengths(rows), strict=True)]
    parts: list[list[int]] = []
    for place in range(names, len(needs)):
        if not parts or sum(least[one] for one in (*parts[-1], place)) > room:
            parts.append([*first])
        parts[-1].append(place)
    narrowest = max(needs[names:]) + sum(needs[:names]) + (GAP - 1) * (names + 1)
    return parts if narrowest <= room else []


def _print_columns(target: Console, rows: Sequence[Sequence[str]], left: int, header: bool) -> None:
    """Print rows as one table of rich, with lines that are broken as `PIECE` says."""
    from rich.padding import Padding
    from rich.table import Table

    gap = GAP if needed(rows) + len(rows[0]) - 1 <= target.width else GAP - 1
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), show_header=header, header_style="bold")
    room = target.width - (INDENT if header else 0) - gap * (len(rows[0]) - (needed(rows) <= target.width))
    found = widths(rows, room)
    for number, (text, width) in enumerate(zip(rows[0], found, strict=True)):
        justify = "left" if number < left else "right"
        shown = styled(text, width=width) if header else ""
        table.add_column(shown, justify=justify, overflow="fold", width=width)  # type: ignore[arg-type]
    for row in rows[1:] if header else rows:
        table.add_row(*(styled(text, width=width) for text, width in zip(row, found, strict=True)))
    target.print(Padding(table, (0, 0, 0, INDENT if header else 0), expand=False))


def wrapped(text: str, width: int) -> str:
    """Return a text with line ends between its pieces, so that no line is wider than a width if pieces are not."""
    lines: list[str] = []
    for piece in PIECE.findall(text):
        if lines and len(lines[-1]) + 1 + len(piece) <= width:
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return "\n".join(lines) if len(text) > width else text


def print_tables(tables: Sequence[ReportTable], footer: str = "") -> None:
    """Print tables with their titles and notes, and what their intervals are. Control characters are spelled out."""
    from genzoo.reporting.tables import INTERVAL

    for table in tables:
        print_text(harmless(table.title), "bold")
        print_table([[harmless(text) for text in row] for row in table.rows], names=table.names)
        for note in table.notes:
            print_text(harmless(note), indent=INDENT)
        print()
    print_text(footer or INTERVAL, "dim")


def print_text(text: str, style: str = "", indent: int = 0) -> None:
    """Print one line; a terminal wraps it between words and shows it in a style of rich."""
    if not in_terminal():
        print(f"{'':{indent}}{text}")
        return
    from rich.padding import Padding

    console().print(Padding(styled(text, style), (0, 0, 0, indent), expand=False))


def print_commands(commands: Sequence[str]) -> None:
    """Print what to type next, a command a line, which is never broken: it is copied."""
    for number, command in enumerate(commands):
        print(f"{'' if number else 'next':10}{harmless(command)}")


def harmless(text: str) -> str:
    """Return a text on one line with its control characters spelled out, uncut."""
    return printable(text, len(text.encode("unicode_escape")) + 1)


def console() -> Console:
    """Return rich's view of standard output: no markup in texts, and no escape sequences at all under NO_COLOR."""
    from rich.console import Console

    colours = None if os.environ.get("NO_COLOR") else "auto"
    return Console(file=sys.stdout, color_system=colours, highlight=False, markup=False, emoji=False)  # type: ignore[arg-type]


def styled(text: str, style: str = "", width: int = 0) -> Text:
    """Return a text for rich, with warnings red, "n/a" dim and control characters spelled out, wrapped to a width."""
    from rich.text import Text

    made = Text(wrapped(harmless(text), width) if width else harmless(text), style)
    for pattern, colour in STYLES.items():
        made.highlight_regex(re.compile(pattern.replace(" ", r"\s"), re.DOTALL), colour)
    return made


def longest_pieces(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the length of the longest piece in each column, see `PIECE`."""
    return [
        max((len(piece) for text in column for piece in PIECE.findall(text)), default=0)
        for column in zip(*rows, strict=True)
    ]


def widths(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return the width of each column: all that its texts need, or less in the widest ones, but no less than a piece.

    Args:
        rows: The texts.
        room: Columns of the terminal for all of them.
    """
    found, least = list(map(max, lengths(rows))), longest_pieces(rows)
    while sum(found) > room and (wider := [place for place, width in enumerate(found) if width > least[place]]):
        found[max(wider, key=lambda place: found[place])] -= 1
    return found


def lengths(rows: Sequence[Sequence[str]]) -> list[list[int]]:
    """Return the lengths of the texts in each column."""
    return [[len(text) for text in column] for column in zip(*rows, strict=True)]


def _print_records(target: Console, rows: Sequence[Sequence[str]]) -> None:
    """Print each row as its first text and, below it, a line for each other one: for rows whose names leave no room."""
    from rich.padding import Padding
    from rich.table import Table

    header, *others = rows
    for row in others:
        target.print(Padding(styled(row[0], "bold"), (0, 0, 0, INDENT)))
        record = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=False)
        for _ in range(2):
            record.add_column(overflow="fold")
        for name, text in zip(header[1:], row[1:], strict=True):
            if text:
                record.add_row(name, styled(text))
        target.print(Padding(record, (0, 0, 0, 2 * INDENT), expand=False))
