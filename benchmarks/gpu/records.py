"""The JSON file of a stage: always whole, whenever its writer is killed. Needs Python alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

COMMIT = "GENZOO_SUITE_COMMIT"
"""Variable that tells a stage the commit where git does not."""


def save(file: Path, record: dict[str, Any]) -> None:
    """Replace a file's contents at one blow."""
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
    os.replace(part, file)


def load(file: Path) -> dict[str, Any] | None:
    """Return what a file holds; None if there is none."""
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
