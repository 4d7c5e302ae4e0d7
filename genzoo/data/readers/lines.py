"""Read the lines of a text file, with its encoding and comments and with limits on sizes."""

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
"""Bytes of a file."""
LONGEST_LINE = 1 << 22
"""Characters of a line."""
LONGEST_COMMENT = 1 << 16
"""Characters of a comment that are kept."""
MOST_BLANK = 1000
"""Blank lines of a sample."""
SAMPLE = 100
"""Non-blank lines from which the dialect of a table is guessed."""
SAMPLE_CHARACTERS = 1 << 22
"""Characters of a sample."""


class Lines:
    """Iterate over the lines of a file. A comment becomes a blank line, so that line numbers stay correct.

    Args:
        path: The file.
        encoding: See `encoding_of`.

    Raises:
        UsageError: The file or a line is too large.
        UnicodeDecodeError: The file has another encoding.
        OSError: The file cannot be read.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self.encoding = encoding
        self.comments = 0
        self.last_comment = ""
        self.underscored = False
        """Whether a line had an underscore since this was last set to False."""
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
                    raise UnicodeError("text cannot contain NUL")
                if line.startswith("#"):
                    self.comments += 1
                    self.last_comment, line = line[:LONGEST_COMMENT], "\n"
                self.underscored = self.underscored or "_" in line
                yield line

    def sample(self) -> list[str]:
        """Return the next lines, at least one of which is not blank.

        Raises:
            UsageError: The file is empty, or begins with too many blank lines.
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
    """Return the encoding of a file by its byte order mark; UTF-8 without one."""
    with open_regular(path) as file:
        start = file.read(4)
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
