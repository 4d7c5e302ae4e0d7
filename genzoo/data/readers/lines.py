"""The lines of a text file: its encoding, its comments, and a bound on what is read."""

from __future__ import annotations

import codecs
import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from genzoo.core.errors import UsageError
from genzoo.system.reading import open_regular

LARGEST = 1 << 30
"""Bytes of the file."""
LONGEST_LINE = 1 << 22
"""Characters."""
LONGEST_COMMENT = 1 << 16
"""Characters of a comment that are kept."""
MOST_BLANK = 1000
SAMPLE = 100
"""Lines that are looked at to find out how a table is written."""
SAMPLE_CHARACTERS = 1 << 22


class Lines:
    """The lines of a file, in turn; a comment is a blank line, so that line numbers stay.

    Args:
        path: The file.
        encoding: See `encoding_of`.

    Raises:
        UsageError: The file is too large, or one of its lines is.
        UnicodeDecodeError: It is in another encoding.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self.encoding = encoding
        self.comments = 0
        self.last_comment = ""
        self.underscored = False
        """Whether there was an underscore since this was last set."""
        self._lines = self._read()

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def _read(self) -> Iterator[str]:
        with io.TextIOWrapper(open_regular(self.path), encoding=self.encoding, newline="") as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                raise UsageError(f"{self.path} has more than {LARGEST:,} bytes", "give its numbers as .npz")
            for number in itertools.count(1):
                line = file.readline(LONGEST_LINE)
                if len(line) == LONGEST_LINE:
                    raise UsageError(
                        f"{self.path}, line {number} has more than {LONGEST_LINE:,} characters", "give .npz instead"
                    )
                if not line:
                    return
                if "\0" in line:
                    raise UnicodeError("a NUL is no text")
                if line.startswith("#"):
                    self.comments += 1
                    self.last_comment, line = line[:LONGEST_COMMENT], "\n"
                self.underscored = self.underscored or "_" in line
                yield line

    def sample(self) -> list[str]:
        """The next lines, some of which are not blank.

        Raises:
            UsageError: There are none.
        """
        found: list[str] = []
        filled = size = 0
        while filled < SAMPLE and size < SAMPLE_CHARACTERS and (line := next(self._lines, "")):
            found.append(line)
            size += len(line)
            filled += not line.isspace()
            if len(found) - filled > MOST_BLANK:
                raise UsageError(f"{self.path} begins with {MOST_BLANK} blank lines", "name a table of numbers")
        if not filled:
            raise UsageError(f"{self.path} is empty", "name a table of numbers")
        return found


def encoding_of(path: Path) -> str:
    """The encoding that the first bytes of a file state; UTF-8 where they state none."""
    with open_regular(path) as file:
        start = file.read(4)
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
