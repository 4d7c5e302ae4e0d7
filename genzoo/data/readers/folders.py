"""List the pictures in a folder, and what was left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from genzoo.core.errors import UsageError
from genzoo.core.text import counted
from genzoo.data.readers.images import SUFFIXES

JUNK = {"__macosx", "@eadir", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "lost+found"}
"""Names that archives and operating systems add, in lower case. Names that begin with a dot are junk too."""


@dataclass
class LeftOut:
    """Files and folders that were left out."""

    junk: set[str] = field(default_factory=set)
    """Names of hidden files and folders and of those in `JUNK`."""
    files: set[str] = field(default_factory=set)
    """Paths of other files that are not pictures."""

    def __str__(self) -> str:
        """Return one line for the user; "" if nothing was left out."""
        endings = Counter(os.path.splitext(path)[1].lower() for path in sorted(self.files))
        files = [f"{count:,} {ending or 'without ending'}" for ending, count in endings.most_common(8)]
        names = sorted(self.junk)[:8] + ["…"] * (len(self.junk) > 8)
        others = [f"{counted(len(self.files), 'file')} of other kinds ({', '.join(files)})"] if files else []
        return "; ".join([*others, *([", ".join(names)] if names else [])])


def is_junk(name: str) -> bool:
    """Return whether a name is hidden or in `JUNK`."""
    return name.startswith(".") or name.lower() in JUNK


def folders_in(folder: Path, left_out: LeftOut) -> list[Path]:
    """Return the folders directly in a folder, sorted by name."""
    found = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    left_out.junk |= {path.name for path in found if is_junk(path.name)}
    return [path for path in found if not is_junk(path.name)]


def pictures_in(folder: Path, within: Path | None = None, left_out: LeftOut | None = None) -> list[Path]:
    """Return the pictures directly in a folder, sorted by name.

    Args:
        folder: The folder to list.
        within: The folder that the user named; None: `folder` itself.
        left_out: Filled with what is left out.

    Raises:
        UsageError: The folder or a file is a link out of the folder that the user named.
    """
    left_out = LeftOut() if left_out is None else left_out
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            ending = os.path.splitext(entry.name)[1].lower()
            if is_junk(entry.name):
                left_out.junk.add(entry.name)
            elif ending in SUFFIXES:
                found.append(entry)
            elif not entry.is_dir():
                left_out.files.add(entry.path)
    _refuse_links_out([folder, *(Path(entry.path) for entry in found if entry.is_symlink())], within or folder)
    return [folder / name for name in sorted(entry.name for entry in found if entry.is_symlink() or not entry.is_dir())]


def all_pictures_in(folder: Path, within: Path | None = None, left_out: LeftOut | None = None) -> list[Path]:
    """Return the pictures in a folder and in all folders below it. Links to folders are not followed."""
    found = pictures_in(folder, within, left_out)
    for below in folders_in(folder, LeftOut() if left_out is None else left_out):
        if not below.is_symlink():
            found += all_pictures_in(below, within or folder, left_out)
    return found


def _refuse_links_out(paths: Iterable[Path], top: Path) -> None:
    real = os.path.join(os.path.realpath(top), "")
    for path in paths:
        if not os.path.join(os.path.realpath(path), "").startswith(real):
            raise UsageError(f"{path} is a link out of {top}", "copy its target, or name the target's folder")


def refuse_together(problems: Iterable[UsageError], most: int = 5) -> None:
    """Refuse several files in one error, if there are problems.

    Raises:
        UsageError: There are problems: the first is the message, the others are in the hint.
    """
    found = list(problems)
    if not found:
        return
    first, *others = found
    if not others:
        raise first
    lines = [problem.message for problem in others[: most - 1]]
    more = [f"and {len(found) - most:,} more"] if len(found) > most else []
    raise UsageError(
        f"{len(found):,} files cannot be read: {first.message}",
        "\n".join([*lines, *more, "repair or move them"]),
    )
