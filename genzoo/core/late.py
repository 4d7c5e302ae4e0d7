"""Public methods whose work is done in a higher layer, such as the page of a run: named as plugins name their classes.

The layers keep what computes apart from what shows it, but users look for both on one object.
"""

from __future__ import annotations

import importlib
from typing import Any


def late(target: str) -> Any:
    """Import and return what "package.module:name" names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
