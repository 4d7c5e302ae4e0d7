"""Checks of a registered figure, on untrained models that it is defined for and made-up data."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from genzoo.core.parts import Figure
from genzoo.data.resident import Resident
from genzoo.figures.context import FigureContext
from genzoo.registry.current import registry
from genzoo.registry.entries import Entry
from genzoo.reporting.report import READERS
from genzoo.runs.run import Run
from genzoo.system.computing import evaluating
from genzoo.testing.check import Check, require
from genzoo.testing.metric_checks import refused
from genzoo.testing.pair import CPU, SPECS, Pair

EXAMPLES = 64
HISTORY = '{"epoch": 1, "train": {"loss": 2.0}, "validation": {"loss": 2.5}}\n'


@dataclass(frozen=True)
class FigureTarget:
    """A registered figure."""

    entry: Entry

    def draw(self, pair: Pair, folder: Path) -> bool:
        """Draw the figure of a made-up run of an untrained model; return whether it is defined for it."""
        figure: Figure = self.entry.load()()
        view = Resident(pair.split(EXAMPLES), CPU)
        model = pair.build().eval().model
        context = FigureContext(Run(folder), model, {"train": view, "test": view})
        with evaluating(model), torch.no_grad():
            defined = figure.applies(context)
            if defined:
                figure.draw(context, folder / "figure.png")
        return defined


def check_figure(target: FigureTarget) -> None:
    """The class is a genzoo.Figure that defines draw."""
    figure = target.entry.load()
    require(issubclass(figure, Figure), f"{figure.__name__} is not a genzoo.Figure")
    require(figure.draw is not Figure.draw, f"{figure.__name__} does not define draw(context, path)")


def check_drawn(target: FigureTarget) -> str | None:
    """On each form of data it is drawn for the first model that it is defined for, and for no form it fails."""
    drawn = 0
    for spec in SPECS.values():
        for entry in registry().matching("model"):
            pair = Pair(entry, registry().loss_of(entry), spec)
            if refused(pair):
                continue
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                (folder / "metrics.jsonl").write_text(HISTORY)
                if not target.draw(pair, folder):
                    continue
                shown = [file for file in folder.glob("figure.*") if file.suffix in READERS and file.stat().st_size]
                require(bool(shown), f"{pair}: it wrote no file {folder.name}/figure.png, .txt, .wav or .csv")
            drawn += 1
            break
    return None if drawn else "not run: no registered model has what it needs; register a model that does"


FIGURE: dict[str, Check[FigureTarget]] = {
    "figure": Check(check_figure, "class Mine(genzoo.Figure): def draw(self, context, path): …"),
    "drawn": Check(check_drawn, "name the capability in `needs`; ask for more of the data in applies(context)"),
}
"""The checks of every figure."""
