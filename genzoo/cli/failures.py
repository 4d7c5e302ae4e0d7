"""Exceptions as errors for users: out of memory, faults of plugins, errors of the system, bugs."""

from __future__ import annotations

import os
import shlex
import traceback

from genzoo.core.errors import GenzooError, OutOfMemory
from genzoo.registry.entries import describe


def explained(error: Exception) -> GenzooError:
    """Return a GenzooError for any other exception: out of memory, a faulty plugin, a system error, or a bug."""
    from genzoo.registry.plugin_faults import fault_of

    if ran_out_of_memory(error):
        return OutOfMemory("out of memory", "use a smaller --batch-size or a smaller model")
    fault = fault_of(error)
    if fault is not None:
        return fault
    return system_error(error) if isinstance(error, OSError) else unexpected(error)


def system_error(error: OSError) -> GenzooError:
    """Return an unexpected error of the operating system as a GenzooError."""
    if error.filename is None:
        return GenzooError(f"system error: {error.strerror or error}", "for the traceback: genzoo --debug …")
    name = str(error.filename)
    return GenzooError(f"{name}: {error.strerror or error}", f"check its type and owner: ls -ld {shlex.quote(name)}")


def ran_out_of_memory(error: Exception) -> bool:
    """Return whether an error is about memory, by its text: torch may not have been imported."""
    text = describe(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text


def unexpected(error: Exception) -> GenzooError:
    """Return a GenzooError for a bug of genzoo or of a built-in plugin."""
    frames = traceback.extract_tb(error.__traceback__)
    # The last frame outside torch is the caller with the bug.
    own = [frame for frame in frames if "/torch/" not in frame.filename.replace(os.sep, "/")] or frames
    where = f"{own[-1].filename}:{own[-1].lineno}" if own else "unknown"
    text = str(error).strip().splitlines()
    first = f"{type(error).__name__}: {text[0] if text else ''}".rstrip(": ")
    return GenzooError(first, f"at {where}; this is a bug of genzoo. For the traceback: genzoo --debug …")


def show_traceback() -> None:
    """Print the traceback of the current error under --debug."""
    from genzoo.registry.discovery import debugging

    if debugging():
        traceback.print_exc()
