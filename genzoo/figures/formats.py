"""Formats of pictures, by the endings of their files. Imports nothing: a refusal need not wait for torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""Pillow's name of each format that figures are written in."""
SETTINGS: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}
"""How they are written; sharp edges of pixels and letters suffer most from compression."""


def format_of(path: Path | IO[bytes]) -> str:
    """Return Pillow's name of the format of a file; PNG for what has no name."""
    return PICTURES[path.suffix] if isinstance(path, Path) else "PNG"


def is_picture(path: Path) -> bool:
    """Return whether a file with this name holds a picture."""
    return path.suffix in PICTURES


def either(endings: Iterable[str]) -> str:
    """Return endings as text: ".png, .jpg or .npy"."""
    *others, last = endings
    return f"{', '.join(others)} or {last}" if others else last
