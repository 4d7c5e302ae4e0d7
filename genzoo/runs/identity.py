"""What trackers know a run by, tracker.json."""

from __future__ import annotations

import re
import secrets

from genzoo.core.errors import GenzooError
from genzoo.runs.run import Run, read_json

FILE = "tracker.json"


def identity(run: Run) -> str:
    """Return the identity of a run; see `Run.identity`."""
    file = run.path / FILE
    if not file.exists():
        run.write(FILE, {"id": secrets.token_hex(8)})
    found = str(read_json(file).get("id"))
    if not re.fullmatch("[0-9a-f]{16}", found):
        raise GenzooError(f"{file} is damaged: no id", f"for a new one: rm {file}")
    return found
