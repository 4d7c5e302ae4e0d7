"""Weights & Biases: a run of a project, on its server or, with WANDB_MODE=offline, in files."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import genzoo
from genzoo.core.tracker import Points
from genzoo_plugins.trackers.extras import refuse_missing

PROJECT = "genzoo"


class WandB(genzoo.Tracker):
    """Report to the project $WANDB_PROJECT, or "genzoo". Files are in $WANDB_DIR, or in the run's folder."""

    tracked: Any
    """W&B's run."""

    def __init__(self) -> None:
        refuse_missing("wandb", "Weights & Biases")
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        if "wandb" not in sys.modules:
            os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        online = wandb.run is None and wandb.setup().settings.mode == "online"
        if online and not wandb.login(prompt=False, verify=False):
            hint = "wandb login, or write files alone: export WANDB_MODE=offline"
            raise genzoo.UsageError("--listeners wandb: nobody is logged in to Weights & Biases", hint)

    def start(self, parameters: Mapping[str, Any], step: int) -> int:
        import wandb

        self.tracked = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=self.id,
            name=os.environ.get("WANDB_NAME", self.run.path.name),
            resume="allow",
            reinit="create_new",  # beside a run of the user's own
            config=dict(parameters),
            allow_val_change=True,  # of options that a resumed run changed
            dir=os.environ.get("WANDB_DIR", self.run.path),
            settings=wandb.Settings(console="off", silent=True, disable_git=True, disable_code=True),
        )
        # Offline it begins a new file of the same run, to which all epochs are written again.
        return int(self.tracked.starting_step) - 1

    def log(self, points: Points) -> None:
        for step, values in points.items():
            self.tracked.log(dict(values), step=step)

    def results(self, step: int, values: Mapping[str, float]) -> None:
        self.tracked.summary.update(dict(values))

    def figure(self, step: int, file: Path) -> None:
        import wandb

        self.tracked.log({f"figures/{file.stem}": wandb.Image(str(file))}, step=max(step, self.tracked.step))

    def model(self, file: Path) -> None:
        self.tracked.log_artifact(str(file), name=f"genzoo-{self.id}", type="model")

    def finish(self, status: str) -> None:
        self.tracked.summary["status"] = status
        self.tracked.finish(exit_code=int(status != "finished"))

    def abandon(self) -> str:
        """End W&B's own process, which else is waited for when Python ends. What it has is in files."""
        import wandb

        if wandb.run is None:  # no run of the user's own uses it
            with contextlib.suppress(Exception, SystemExit):  # it may have ended; another version may not have it
                wandb.setup().ensure_service()._proc._process.terminate()
                wandb.teardown()
        return f"wandb sync {os.environ.get('WANDB_DIR', self.run.path)}/wandb/latest-run"
