"""The figures of every run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from genzoo.core.dataset import Dataset
from genzoo.core.model import Model
from genzoo.data.resident import Resident
from genzoo.figures.context import Drawing, FigureContext, always, has_encoder, reconstructs
from genzoo.figures.curves import curves
from genzoo.figures.image_grid import save_grid
from genzoo.figures.image_rows import save_pairs
from genzoo.figures.latent_scatter import has_kl, kl_per_dim, latent
from genzoo.figures.samples import draw_samples, points_shown, reconstructions, samples, save_reconstructions
from genzoo.figures.scatter import displacements, scatter
from genzoo.figures.signals import draw_signals
from genzoo.figures.traversals import (
    can_interpolate,
    can_traverse,
    has_plane,
    interpolations,
    manifold,
    traversal_gif,
    traversals,
)
from genzoo.registry.plugin_faults import error_line
from genzoo.runs.run import Run
from genzoo.system.computing import evaluating
from genzoo.system.memory import give_back_memory

__all__ = [
    "FIGURES",
    "Drawing",
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

FIGURES = {
    "samples": Drawing(always, samples, "New examples drawn from the model."),
    "reconstructions": Drawing(reconstructs, reconstructions, "Test examples and their reconstructions."),
    "latent": Drawing(has_encoder, latent, "The codes of test examples in the latent space."),
    "manifold": Drawing(has_plane, manifold, "Decoded codes over the plane of the two latents."),
    "traversals": Drawing(can_traverse, traversals, "The effect of each latent on one image."),
    "interpolations": Drawing(can_interpolate, interpolations, "Decoded codes on the paths between pairs of images."),
    "kl-per-dim": Drawing(has_kl, kl_per_dim, "The KL of each latent in nats, and which latents are active."),
    "curves": Drawing(always, curves, "The terms of the loss over the epochs, in training and validation."),
}


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
        for name, drawing in FIGURES.items():
            give_back_memory()
            try:
                render(drawing, context, folder / f"{name}.png")
            except Exception as error:  # no failure of a figure may lose the results
                failures.append(f"figure {name} could not be drawn: {error_line(error)}")
    return failures


def render(drawing: Drawing, context: FigureContext, path: Path) -> None:
    """Draw a figure if it applies."""
    if drawing.applies(context):
        drawing.draw(context, path)
