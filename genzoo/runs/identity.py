"""What trackers know a run by, tracker.json."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path

from genzoo.core.errors import GenzooError
from genzoo.system.atomic import to_bytes, write_atomically
from genzoo.system.reading import parse_json, read_text

FILE = "tracker.json"


def identity(folder: Path) -> str:
    """Return the identity of the run in a folder; see `Run.identity`."""
    file = folder / FILE
    if not file.exists():
        write_atomically(file, to_bytes(json.dumps({"id": secrets.token_hex(8)}) + "\n"))
    try:
        found = str(dict(parse_json(read_text(file))).get("id"))
    except (OSError, TypeError, ValueError, RecursionError):
        found = ""
    if not re.fullmatch("[0-9a-f]{16}", found):
        raise GenzooError(f"{file} is damaged: no id", f"for a new one: rm {file}")
    return found
