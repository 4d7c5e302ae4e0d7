"""Pinned references to runs: made from a run folder, and verified: it still has the same model."""

from __future__ import annotations

import os
from pathlib import Path

from genzoo.core.errors import UsageError
from genzoo.core.run_reference import PinnedRun, parse_pinned
from genzoo.system.checksummed import stored_digest

MODEL_FILE = "model.safetensors"
DIGITS = 8
"""Digits of a digest in messages."""


def pin(run: Path) -> PinnedRun:
    """Return the reference to the run in a folder with its present model.

    Raises:
        UsageError: The run has no model yet.
    """
    digest = stored_digest(run / MODEL_FILE)
    if digest is None:
        raise UsageError(f"{run} has no model yet", f"finish it: genzoo resume {run}")
    return PinnedRun(os.path.abspath(run), digest)


def verified(reference: PinnedRun) -> Path:
    """Return the folder of a pinned reference. Whether its model file is intact is verified when it is loaded.

    Raises:
        UsageError: The run is gone, or has another model.
    """
    run = Path(reference.path)
    found = stored_digest(run / MODEL_FILE)
    if found is None:
        raise UsageError(f"{run}, whose model is needed here, is gone", f"copy it back to {run}")
    if found != reference.digest:
        was, now = reference.digest[:DIGITS], found[:DIGITS]
        raise UsageError(
            f"{run} has another model than the one that is needed here: {now}…, not {was}…",
            f"restore {run / MODEL_FILE}, or train anew what was made from it",
        )
    return run


def shortened(value: object) -> object:
    """Return a pinned reference as "NAME@DIGITS", equal for runs with the same model; any other value unchanged."""
    pinned = parse_pinned(value)
    return f"{Path(pinned.path).name}@{pinned.digest[:DIGITS]}" if pinned else value
