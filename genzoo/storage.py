"""Files that are either whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

from genzoo.errors import GenzooError


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file by way of a flushed temporary sibling and one rename. Its mode follows the umask."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise GenzooError(f"cannot write {path}: {error.strerror}", "is the disk full? df -h") from None
    finally:
        temporary.unlink(missing_ok=True)
