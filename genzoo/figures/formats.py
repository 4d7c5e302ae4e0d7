"""Formats of pictures and of other files, by their endings. Does not import torch: a refusal need not wait for it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from genzoo.core.errors import UsageError

if TYPE_CHECKING:
    from genzoo.core.dataset import Kind

PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""Pillow's name of each format that figures are written in."""
ENDINGS: dict[Kind, tuple[str, ...]] = {
    "image": (*PICTURES, ".npy"),
    "vector": (*PICTURES, ".csv", ".npy"),
    "tokens": (".txt", ".npy"),
    "signal": (*PICTURES, ".wav", ".npy"),
}
"""The kinds of files that examples of each kind can be written to; the first is the default."""
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


def refuse_other_ending(out: Path, kind: Kind) -> None:
    """Refuse a file that does not fit the kind of the data.

    Raises:
        UsageError: The message names the endings that fit.
    """
    fitting = ENDINGS[kind]
    if out.suffix not in fitting:
        raise UsageError(
            f"--out {out}: examples of kind {kind} are written to {either(fitting)}",
            f"use a name such as out{fitting[0]}",
        )
