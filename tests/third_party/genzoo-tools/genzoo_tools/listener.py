"""Epochs for a spreadsheet."""

from __future__ import annotations

import csv

import genzoo


class EpochsCSV(genzoo.RunListener):
    """Keeps RUN/epochs.csv: a row for each epoch so far, written anew each time, so a resumed run repeats none."""

    def epoch_finished(self, run: genzoo.Run, epoch: genzoo.Epoch) -> None:
        rows = [
            {
                "epoch": past["epoch"],
                "step": past["step"],
                **{
                    f"{split}_{name}": value for split in ("train", "validation") for name, value in past[split].items()
                },
            }
            for past in run.history
        ]
        with open(run.path / "epochs.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
