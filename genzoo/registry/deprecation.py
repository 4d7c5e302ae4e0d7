"""Deprecated names: they still work, with a warning."""

from __future__ import annotations

import sys
import warnings
from typing import NamedTuple

NAMES: dict[str, str] = {}
"""Deprecated public names of `genzoo`, and what to write instead: {"Old": "genzoo.New"}."""


class Use(NamedTuple):
    """One use of a deprecated name, and the file it is in."""

    old: str
    new: str
    file: str


uses: list[Use] = []
"""All uses in this process, for `genzoo check`."""


def deprecated(old: str, new: str) -> None:
    """Warn the caller's caller that `old` is removed with the next plugin API, and name its replacement."""
    uses.append(Use(old, new, sys._getframe(2).f_code.co_filename))
    warnings.warn(f"{old} is deprecated; write {new}", DeprecationWarning, stacklevel=3)
