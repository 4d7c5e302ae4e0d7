"""Event files for TensorBoard."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import genzoo
from genzoo.core.tracker import Points
from genzoo.data.readers.images import read_bytes
from genzoo_plugins.trackers.extras import refuse_missing

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


LONGEST_WAIT = 2.0
"""Seconds that a resumed run waits for a later second than that of its former files."""


class TensorBoard(genzoo.Tracker):
    """Write event files into the run's folder: after each epoch the terms of the objective and the images a second; at
    the end the results on the test data and the figures. The x axis is the number of optimiser steps."""

    words = ()
    writer: SummaryWriter

    def __init__(self) -> None:
        refuse_missing("tensorboard", "TensorBoard")

    def start(self, parameters: Mapping[str, Any], step: int) -> int:
        from torch.utils.tensorboard import SummaryWriter

        folder = self.run.path / "tensorboard"
        files = list(folder.glob("events.out.*"))
        last = min(step, last_step(files))  # a killed run may have written less than it told
        seconds = (part for file in files for part in file.name.split(".")[3:4] if part.isdigit())
        newest = max(map(int, seconds), default=0)  # files are read by the second in their names
        time.sleep(min(max(newest + 1 - time.time(), 0), LONGEST_WAIT))
        # A resumed run repeats the steps since its last checkpoint: earlier points of them are dropped.
        self.writer = SummaryWriter(folder, purge_step=last + 1 if files else None)
        options = json.dumps(self.run.plain_config, indent=2, ensure_ascii=False)
        self.writer.add_text("options", f"```json\n{options}\n```", last)
        return last

    def log(self, points: Points) -> None:
        for step, values in points.items():
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def figure(self, step: int, file: Path) -> None:
        self.writer.add_image(file.stem, read_bytes(file, "RGB"), step, dataformats="HWC")

    def finish(self, status: str) -> None:
        self.writer.close()


def last_step(files: Iterable[Path]) -> int:
    """Return the last step in event files; 0 if they have no event."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    return max((event.step for file in files for event in EventFileLoader(str(file)).Load()), default=0)
