"""The layout of help pages: no line is wider than the terminal, and none is broken within an option."""

from __future__ import annotations

import argparse
import itertools
import re
import textwrap

WIDEST = 118
"""Columns of a paragraph in a terminal that is wider."""
COMMENT = re.compile(r" {3,}(?=\S)")
"""What separates a command from what is said of it."""


class Layout(argparse.RawDescriptionHelpFormatter):
    """A help whose paragraphs are wrapped, and whose examples, which are indented, keep their lines where they fit."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        width = min(width, WIDEST)
        lines: list[str] = []
        for is_prose, part in itertools.groupby(text.splitlines(), lambda line: line[:1].strip() != ""):
            own = list(part)
            if max(map(len, own)) <= width:
                lines += own
            elif is_prose:
                lines += self._split_lines(" ".join(own), width)
            else:
                lines += itertools.chain.from_iterable(broken(line, width) for line in own)
        return "\n".join(f"{indent}{line}" for line in lines)


def broken(line: str, width: int) -> list[str]:
    """Return an indented line in lines of a width: a comment goes on in its column, a command after "\\"."""
    indent = line[: len(line) - len(line.lstrip())]
    found = COMMENT.search(line, len(indent))
    if len(line) <= width:
        return [line]
    if found:
        column = min(found.end(), width * 3 // 5)
        own = textwrap.wrap(line[found.end() :], width - column, break_on_hyphens=False)
        first = line[: found.start()]
        rest = [" " * column + text for text in own]
        return [f"{first:{column}}{own[0]}", *rest[1:]] if len(first) < column - 1 else [first, *rest]
    parts = textwrap.wrap(line.strip(), width - len(indent) - 2, subsequent_indent="  ", break_on_hyphens=False)
    return [*(f"{indent}{part} \\" for part in parts[:-1]), f"{indent}{parts[-1]}"]
