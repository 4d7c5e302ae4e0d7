"""Names that a plugin may still use and should not."""

from __future__ import annotations

import sys
import warnings
from typing import NamedTuple

NAMES: dict[str, str] = {}
"""Public names of `genzoo` that are on their way out, and what to write instead: {"Old": "genzoo.New"}."""


class Use(NamedTuple):
    """Somebody's use of a deprecated name."""

    old: str
    new: str
    file: str


uses: list[Use] = []
"""Those of this process, for `genzoo check`."""


def deprecated(old: str, new: str) -> None:
    """Warns the caller's caller that `old` goes with the next plugin API, and what to write instead."""
    uses.append(Use(old, new, sys._getframe(2).f_code.co_filename))
    warnings.warn(f"{old} is deprecated; write {new}", DeprecationWarning, stacklevel=3)
