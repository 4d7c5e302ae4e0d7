"""The pictures every run draws."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from genzoo.core.model import Model
from genzoo.data.resident import Resident
from genzoo.figures.context import Drawing, FigureContext, always, encodes_images, has_encoder
from genzoo.figures.curves import curves
from genzoo.figures.image_grid import save_grid, save_pairs
from genzoo.figures.latent_scatter import has_kl, kl_per_dim, latent
from genzoo.figures.samples import draw_samples, points_shown, reconstructions, samples
from genzoo.figures.scatter import displacements, scatter
from genzoo.figures.traversals import can_interpolate, has_plane, interpolations, manifold, traversal_gif, traversals
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
    "points_shown",
    "render",
    "save_grid",
    "save_pairs",
    "scatter",
    "traversal_gif",
]

FIGURES = {
    "samples": Drawing(always, samples, "New examples drawn from the model."),
    "reconstructions": Drawing(has_encoder, reconstructions, "Test examples and what the model makes of them."),
    "latent": Drawing(has_encoder, latent, "Where test examples lie in the latent space."),
    "manifold": Drawing(has_plane, manifold, "What the plane of the two latents decodes to."),
    "traversals": Drawing(encodes_images, traversals, "What each latent alone does to one image."),
    "interpolations": Drawing(can_interpolate, interpolations, "What lies between the codes of two images."),
    "kl-per-dim": Drawing(has_kl, kl_per_dim, "How many nats each latent carries, and which latents are in use."),
    "curves": Drawing(always, curves, "The terms of the loss over the epochs, in training and validation."),
}


def draw_all(run: Run, model: Model, view: Mapping[str, Resident]) -> list[str]:
    """Draws every figure that makes sense for the model and the data into the run's folder.

    Returns:
        A line for each that could not be drawn.
    """
    folder = run.path / "figures"
    folder.mkdir(exist_ok=True)
    context = FigureContext(run, model, view)
    failures = []
    with evaluating(model), torch.no_grad():
        for name, drawing in FIGURES.items():
            give_back_memory()
            try:
                render(drawing, context, folder / f"{name}.png")
            except Exception as error:  # whatever it is, the results must not be lost
                failures.append(f"figure {name} could not be drawn: {error_line(error)}")
    return failures


def render(drawing: Drawing, context: FigureContext, path: Path) -> None:
    """Draws a figure if it makes sense."""
    if drawing.applies(context):
        drawing.draw(context, path)
