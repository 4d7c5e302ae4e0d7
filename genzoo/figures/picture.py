"""Figures of stored runs, for notebooks: a file that knows how to be shown."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import IO

from genzoo.core.errors import UsageError, did_you_mean
from genzoo.runs.run import Run

KINDS = {".png": "image/png", ".gif": "image/gif", ".jpg": "image/jpeg", ".wav": "audio/wav", ".txt": "text/plain"}
"""The files that can be shown, and their MIME types."""


@dataclass(frozen=True)
class Picture:
    """A file with a figure. `path` is for programs; a notebook shows it."""

    path: Path

    def _repr_html_(self) -> str:
        kind = KINDS[self.path.suffix]
        if kind.startswith("text"):
            return f"<pre>{escape(self.path.read_text(encoding='utf-8', errors='replace'))}</pre>"
        source = f"data:{kind};base64,{base64.b64encode(self.path.read_bytes()).decode()}"
        if kind.startswith("image"):
            return f'<img src="{source}" alt="{self.path.stem}" style="max-width: 100%; background: #fff">'
        return f'<audio controls src="{source}"></audio>'


@dataclass(frozen=True)
class Image:
    """A PNG that was drawn for a notebook."""

    content: bytes

    def _repr_png_(self) -> bytes:
        return self.content

    def save(self, path: str | Path) -> Path:
        """Write it to a file, and return its path."""
        Path(path).write_bytes(self.content)
        return Path(path)


def drawn(draw: Callable[[IO[bytes]], None]) -> Image:
    """Return what a function draws into a file."""
    file = io.BytesIO()
    draw(file)
    return Image(file.getvalue())


def picture_of(run: Run, name: str) -> Picture:
    """Return a figure of a run by its name.

    Raises:
        UsageError: The run has no such figure.
    """
    found = {file.stem: file for file in sorted((run.path / "figures").glob("*.*")) if file.suffix in KINDS}
    if name not in found:
        what = f"{run.path} has no figure {name!r}.{did_you_mean(name, found)}"
        raise UsageError(what, f"its figures: {', '.join(found) or 'none; they are drawn when training ends'}")
    return Picture(found[name])
