"""Text files as windows of characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genzoo.core.dataset import PADDING, token_type
from genzoo.core.errors import UsageError
from genzoo.system.reading import unread

UNKNOWN_SYMBOL = "�"
"""The symbol of characters that the vocabulary lacks."""


def read_text_file(path: Path) -> str:
    """Return the text of a UTF-8 file; each end of a line is one character.

    Raises:
        UsageError: It cannot be read, is not UTF-8 or is empty.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(unread(path, error), "give a text file") from None
    except UnicodeDecodeError as error:
        what = f"{path} is not UTF-8 text: byte {error.start:,} is {error.object[error.start]:#04x}"
        raise UsageError(what, "save it as UTF-8") from None
    if not text:
        raise UsageError(f"{path} is empty", "give a text file")
    return text


def vocabulary(text: str) -> tuple[str, ...]:
    """Return the symbols of a text: of the padding "", of unknown characters, and each character in order of code."""
    known = sorted(set(text) - {UNKNOWN_SYMBOL})
    return ("", UNKNOWN_SYMBOL, *known)


def windows(text: str, length: int, symbols: Sequence[str]) -> Tensor:
    """Return a text as consecutive windows of tokens [N, length], the last one padded.

    Args:
        text: Any text.
        length: Characters in a window.
        symbols: Of `vocabulary`.
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    known = np.array([ord(symbol) for symbol in symbols[2:]], np.int64)
    places = np.searchsorted(known, codes).clip(max=max(len(known) - 1, 0))
    tokens = np.where(known[places] == codes, places + 2, 1) if len(known) else np.ones_like(codes)
    padded = np.full(math.ceil(len(tokens) / length) * length, PADDING)
    padded[: len(tokens)] = tokens
    return torch.from_numpy(padded).view(-1, length).to(token_type(len(symbols)))
