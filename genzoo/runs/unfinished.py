"""A warning where a model is used whose training has not reached its end."""

from __future__ import annotations

from genzoo.runs.overview import DAMAGED, Overview
from genzoo.runs.record import last_session
from genzoo.runs.run import FINISHED, MODEL_FILE, RUNNING, Run
from genzoo.runs.schema import is_number
from genzoo.system.messages import warn


def warn_if_unfinished(run: Run) -> None:
    """Warn where the model of a run is not that of its end: its training failed, was stopped, or is still going on."""
    one = Overview(run)
    if one.status in (FINISHED, DAMAGED) or not (run.path / MODEL_FILE).exists():
        return
    done, asked = one.epochs
    state = f"{one.status}, {done}{f' of {asked}' if asked else ''} epochs"
    session = last_session(one.record).get("started")
    former = is_number(session) and (run.path / MODEL_FILE).stat().st_mtime < session
    whose = "these are its weights from before its last session" if former else "these are its weights so far"
    how = f"look at it: genzoo watch {run.path}" if one.status == RUNNING else f"go on: genzoo resume {run.path}"
    warn(f"{run.path} is not finished ({state}): {whose}", how)
