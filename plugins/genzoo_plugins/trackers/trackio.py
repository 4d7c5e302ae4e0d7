"""Trackio: a run of a project in a local database, on a server of one's own or in a Space."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import genzoo
from genzoo.core.tracker import Points
from genzoo_plugins.trackers.extras import refuse_missing

PROJECT = "genzoo"
PRINTING = ("trackio", "trackio.run", "trackio.utils", "trackio.deploy")
"""Modules that print on standard output, which is for results."""


class Trackio(genzoo.Tracker):
    """Report to the project $TRACKIO_PROJECT, or "genzoo": trackio show --project genzoo."""

    tracked: Any
    """Trackio's run."""

    def __init__(self) -> None:
        refuse_missing("trackio", "Trackio")

    def start(self, parameters: Mapping[str, Any], step: int) -> int:
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        import trackio

        for module in PRINTING:
            vars(importlib.import_module(module))["print"] = lambda *words, **options: None
        project = os.environ.get("TRACKIO_PROJECT", PROJECT)
        name = f"{self.run.path.name}-{self.id[:8]}"  # Trackio knows runs by name
        self.tracked = trackio.init(project, name, config=dict(parameters), resume="allow", embed=False)
        return int(getattr(self.tracked, "_next_step", step + 1)) - 1

    def log(self, points: Points) -> None:
        for step, values in points.items():
            self.tracked.log(dict(values), step=step)

    def figure(self, step: int, file: Path) -> None:
        import trackio

        self.tracked.log({f"figures/{file.stem}": trackio.Image(file)}, step=step)

    def model(self, file: Path) -> None:
        self.tracked.log_artifact(file, name=f"genzoo-{self.id}", type="model")

    def finish(self, status: str) -> None:
        import trackio

        if status != "finished":
            self.tracked.alert(status, level=trackio.AlertLevel.WARN)
        self.tracked.finish()
