"""The figures of runs, and the capability that each one needs."""

from __future__ import annotations

from pathlib import Path

import genzoo
from genzoo.figures.curves import curves
from genzoo.figures.latent_scatter import has_kl, kl_per_dim, latent
from genzoo.figures.samples import reconstructions, samples
from genzoo.figures.traversals import can_traverse, chosen_pairs, has_plane, interpolations, manifold, traversals


class Samples(genzoo.Figure):
    """New examples."""

    def draw(self, context: genzoo.FigureContext, path: Path) -> None:
        samples(context, path)


class Reconstructions(genzoo.Figure):
    """Test examples and their reconstructions."""

    needs = genzoo.Autoencoder

    def draw(self, context: genzoo.FigureContext, path: Path) -> None:
        reconstructions(context, path)


class Latent(genzoo.Figure):
    """The codes of test examples, coloured by class."""

    needs = genzoo.Encoder

    def draw(self, context: genzoo.FigureContext, path: Path) -> None:
        latent(context, path)


class Manifold(genzoo.Figure):
    """The decoded quantiles of a prior over two latents (Kingma & Welling 2014, figure 4)."""

    needs = genzoo.Decoder

    def applies(self, context: genzoo.FigureContext) -> bool:
        return super().applies(context) and has_plane(context)

    def draw(self, context: genzoo.FigureContext, path: Path) -> None:
        manifold(context, path)


class Traversals(genzoo.Figure):
    """One latent moved at a time."""

    needs = genzoo.Decoder

    def applies(self, context: genzoo.FigureContext) -> bool:
        return super().applies(context) and can_traverse(context)

    def draw(self, context: genzoo.FigureContext, path: Path) -> None:
        traversals(context, path)


class Interpolations(genzoo.Figure):
    """Decoded codes between pairs of test images."""

    needs = genzoo.Autoencoder

    def applies(self, context: genzoo.FigureContext) -> bool:
        return super().applies(context) and context.model.spec.is_image and bool(chosen_pairs(context))

    def draw(self, context: genzoo.FigureContext, path: Path) -> None:
        interpolations(context, path)


class KLPerDim(Latent):
    """The KL of each latent, where it is known in closed form."""

    def applies(self, context: genzoo.FigureContext) -> bool:
        return super().applies(context) and has_kl(context)

    def draw(self, context: genzoo.FigureContext, path: Path) -> None:
        kl_per_dim(context, path)


class Curves(genzoo.Figure):
    """The terms of the loss over the epochs."""

    def applies(self, context: genzoo.FigureContext) -> bool:
        return bool(context.run.history)  # a time limit may end a run within its first epoch

    def draw(self, context: genzoo.FigureContext, path: Path) -> None:
        curves(context, path)
