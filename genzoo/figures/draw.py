"""The figures of every run: the registered parts of kind "figure"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from genzoo.core.dataset import Dataset
from genzoo.core.model import Model
from genzoo.core.noise import derive_seed, seeded
from genzoo.core.parts import Figure
from genzoo.data.resident import Resident
from genzoo.figures.context import FigureContext
from genzoo.figures.image_grid import save_grid
from genzoo.figures.image_rows import save_pairs
from genzoo.figures.samples import draw_samples, points_shown, save_reconstructions
from genzoo.figures.scatter import displacements, scatter
from genzoo.figures.signals import draw_signals
from genzoo.figures.traversals import traversal_gif
from genzoo.registry.parts import figures, make_part
from genzoo.registry.plugin_faults import error_line
from genzoo.runs.run import Run
from genzoo.system.computing import evaluating
from genzoo.system.memory import give_back_memory
from genzoo.system.progress import working

__all__ = [
    "FigureContext",
    "displacements",
    "draw_all",
    "draw_samples",
    "draw_signals",
    "points_shown",
    "render",
    "save_grid",
    "save_pairs",
    "save_reconstructions",
    "scatter",
    "traversal_gif",
]


def draw_all(run: Run, model: Model, view: Mapping[str, Resident], dataset: Dataset | None = None) -> list[str]:
    """Draw every figure that applies to the model and the data into the run's folder.

    Args:
        run: The run.
        model: Its trained model.
        view: Its splits for evaluation, by name.
        dataset: Its dataset; if that has codes of other data, the figures show what they stand for.

    Returns:
        A line for each figure that could not be drawn.
    """
    folder = run.path / "figures"
    folder.mkdir(exist_ok=True)
    context = FigureContext(run, model, view, dataset)
    failures = []
    with evaluating(model), torch.no_grad():
        for name, entry in figures().items():
            give_back_memory()
            working(f"figure {name}")
            try:
                with seeded(derive_seed(0, "figure", name)):
                    render(make_part("figure", entry.full_name), context, folder / f"{name}.png")
            except Exception as error:  # no failure of a figure may lose the results
                failures.append(f"figure {name} could not be drawn: {error_line(error)}")
    return failures


def render(figure: Figure, context: FigureContext, path: Path) -> None:
    """Draw a figure if it applies."""
    if figure.applies(context):
        figure.draw(context, path)
