"""A picture of every run of a model that reconstructs images."""

from __future__ import annotations

from pathlib import Path

import torch

import genzoo


class StarterFigure(genzoo.Figure):
    """The test images with the largest errors, and below each its reconstruction."""

    needs = genzoo.Autoencoder  # or genzoo.Density, genzoo.LatentModel, …; without `needs`, every model

    def applies(self, context: genzoo.FigureContext) -> bool:
        return super().applies(context) and context.model.spec.is_image

    def draw(self, context: genzoo.FigureContext, path: Path) -> None:
        x = context.examples(torch.arange(min(1000, len(context.test))))
        again = context.autoencoder.reconstruct(x)
        worst = (again - x).square().flatten(1).sum(1).argsort(descending=True)[:8]
        images = context.shown(torch.cat([x[worst], again[worst]]))
        genzoo.save_grid(path, images, "the largest errors: images, and their reconstructions", len(worst))
