"""A run listener: `genzoo run … --listeners starter-listener`."""

from __future__ import annotations

import genzoo


class StarterListener(genzoo.RunListener):
    """Writes the terms of each epoch to epochs.txt in the run's folder."""

    def epoch_finished(self, run: genzoo.Run, epoch: genzoo.Epoch) -> None:
        terms = "  ".join(f"{name} {value:.4f}" for name, value in epoch.train.items())
        with open(run.path / "epochs.txt", "a", encoding="utf-8") as file:
            file.write(f"{epoch.epoch}  {terms}\n")
