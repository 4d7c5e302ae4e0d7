"""The runs that were made outside the folder of runs, by `--out FOLDER`: their paths, in a file of that folder.

The file is only added to, a line a run, so processes need not wait for each other. What it says is verified when it is
read: a folder that was moved or deleted is no run.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from genzoo.system.reading import open_regular

FILE = ".elsewhere"
LARGEST = 1 << 18
"""Bytes of the file's end that are read: some thousand runs, the latest ones."""


def note(root: Path, run: Path) -> None:
    """Add a run to the file of a folder of runs, unless it is inside that folder.

    A folder that cannot be written changes nothing: the run is found by its path alone.

    Args:
        root: The folder of runs.
        run: The run's folder.
    """
    beside, path = os.path.abspath(root.parent), os.path.abspath(run)
    if Path(path).is_relative_to(os.path.abspath(root)) or not path.isprintable():
        return
    line = os.path.relpath(path, beside) if Path(path).is_relative_to(beside) else path  # may be moved with its project
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = os.open(root / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        with os.fdopen(file, "wb", buffering=0) as opened:
            opened.write(f"{line}\n".encode())
    except OSError as error:
        logging.getLogger(__name__).info("genzoo runs does not list %s: %s: %s", run, root / FILE, error.strerror)


def noted(root: Path) -> list[Path]:
    """Return the runs in the file of a folder of runs that are still there, each once."""
    try:
        with open_regular(root / FILE) as file:
            file.seek(max(os.fstat(file.fileno()).st_size - LARGEST, 0))
            lines = file.read(LARGEST).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    found = [root.parent / line for line in dict.fromkeys(lines) if line]
    return [path for path in found if os.path.isfile(path / "config.json")]
