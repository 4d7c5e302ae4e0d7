"""Event files for TensorBoard."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING

import genzoo
from genzoo.core.listener import Epoch
from genzoo.data.readers.images import read_bytes

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


INSTALL = "pip install 'genzoo[tensorboard]'"


class TensorBoard(genzoo.RunListener):
    """Write event files into the run's folder: after each epoch the terms of the objective and the images a second; at
    the end the results on the test data and the figures. The x axis is the number of optimiser steps."""

    writer: SummaryWriter

    def __init__(self) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise genzoo.UsageError("--listeners tensorboard: TensorBoard is not installed", INSTALL)
        self.step = 0

    def run_started(self, run: genzoo.Run) -> None:
        from torch.utils.tensorboard import SummaryWriter

        history = run.history
        self.step = history[-1]["step"] if history else 0
        # A resumed run repeats the steps since its last checkpoint: earlier points of them are dropped.
        self.writer = SummaryWriter(run.path / "tensorboard", purge_step=self.step + 1 if history else None)
        options = json.dumps(run.plain_config, indent=2, ensure_ascii=False)
        self.writer.add_text("options", f"```json\n{options}\n```", self.step)

    def epoch_finished(self, run: genzoo.Run, epoch: Epoch) -> None:
        self.step = epoch.step
        for split, terms in (("train", epoch.train), ("validation", epoch.validation)):
            for name, value in terms.items():
                self.writer.add_scalar(f"{name}/{split}", value, epoch.step)
        self.writer.add_scalar("speed/images_per_second", epoch.images / epoch.seconds, epoch.step)
        self.writer.add_scalar("learning_rate", epoch.lr, epoch.step)
        self.writer.flush()

    def run_finished(self, run: genzoo.Run, status: str) -> None:
        if status == "finished":
            for name, value in run.results["test"].items():
                if isinstance(value, float):
                    self.writer.add_scalar(f"{name}/test", value, self.step)
            for file in sorted((run.path / "figures").glob("*.png")):
                self.writer.add_image(file.stem, read_bytes(file, "RGB"), self.step, dataformats="HWC")
        self.writer.close()
