"""The JSON file of a stage: always complete, even if its writer is killed. Needs only Python."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

COMMIT = "GENZOO_SUITE_COMMIT"
"""Variable that gives a stage the commit if git is not available."""


def save(file: Path, record: dict[str, Any]) -> None:
    """Replace a file's contents atomically."""
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
    os.replace(part, file)


def load(file: Path) -> dict[str, Any] | None:
    """Return the content of a file; None if there is no file."""
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
