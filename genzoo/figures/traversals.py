"""Paths through the latent space: the manifold, traversals, interpolations."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from genzoo.evaluation.latent_paths import interpolate
from genzoo.figures.canvas import (
    DATA_COLOUR,
    MODEL_COLOUR,
    TITLE,
    coordinate,
    grid_of,
    new_figure,
    own_style,
    save,
    save_gif,
)
from genzoo.figures.context import FigureContext, has_codes, has_encoder
from genzoo.figures.image_grid import Labels, save_grids
from genzoo.figures.image_rows import save_rows
from genzoo.figures.latent_space import Scale, prior_scale, quantile_grid, sweep
from genzoo.figures.scatter import tidy

SIDE = 20
"""Number of codes along each side of the manifold."""
TILE = 64
"""Largest side in pixels of an image in the manifold, where each gets 42."""
TICKS = (0, 2, 5, 8, 11, 14, 17, 19)
"""Codes whose values are shown beside the manifold."""
ROWS = 10
"""Largest number of latents that are traversed."""
OFFSETS = torch.linspace(-3, 3, 13, dtype=torch.float64)
"""Offsets of a traversal in standard deviations."""
STEPS = 10
"""Codes of an interpolation, with both ends."""
MODES = ("linear", "spherical")
WIDTH = 7.4
"""Inches of a figure of traversals or interpolations."""
PAIRS = 4
"""Largest number of pairs of images that are interpolated."""


def has_plane(context: FigureContext) -> bool:
    """Return whether an autoencoder has two latents with a Gaussian prior that decode to images or 2-D points."""
    drawable = context.model.spec.is_image or context.model.spec.shape == (2,)
    return has_codes(context) and drawable and context.latents == 2 and prior_scale(context.decoder) is not None


def manifold_codes(context: FigureContext) -> Tensor:
    """Return the codes of the manifold, [20, 20, 2]."""
    scale = prior_scale(context.decoder)
    assert scale is not None
    return quantile_grid(scale, SIDE)


def manifold(context: FigureContext, path: Path) -> None:
    """Draw the decoded quantiles of a two-dimensional prior (Kingma & Welling 2014, figure 4)."""
    codes = manifold_codes(context)
    decoded = context.decode(codes, TILE)
    if not context.model.spec.is_image:
        _lines(path, decoded)
        return
    grid = grid_of(decoded.flatten(0, 1), SIDE, padding=0)
    height, width = (length / SIDE for length in grid.shape[:2])
    rows = Labels([(n + 0.5) * height for n in TICKS], [f"{codes[n, 0, 1]:.2f}" for n in TICKS])
    columns = Labels([(n + 0.5) * width for n in TICKS], [f"{codes[0, n, 0]:.2f}" for n in TICKS])
    title = f"decoded from {SIDE} × {SIDE} quantiles of the prior, equal in probability"
    save_grids(path, [grid], title, 6, rows, columns, "z₂", "z₁")


@own_style()
def _lines(path: Path, decoded: Tensor) -> None:
    """Draw the decoded lines of a grid of codes, [20, 20, 2]."""
    figure = new_figure(7, 7.2)
    axes = figure.subplots()
    for lines, colour, name in ((decoded, DATA_COLOUR, "z₁"), (decoded.transpose(0, 1), MODEL_COLOUR, "z₂")):
        for number, line in enumerate(lines):
            axes.plot(line[:, 0], line[:, 1], c=colour, lw=0.8, label=None if number else f"along {name}")
    axes.set(xlabel="x₁", ylabel="x₂", aspect="equal")
    axes.set_title(f"decoded from {SIDE} × {SIDE} quantiles of the prior, equal in probability", **TITLE)
    axes.legend(frameon=False)
    tidy(axes)
    save(figure, path)


def can_traverse(context: FigureContext) -> bool:
    """Return whether codes decode to images, and the scale of each latent is known by codes or by the prior."""
    known = has_encoder(context) or (has_codes(context) and prior_scale(context.decoder) is not None)
    return known and has_codes(context) and context.model.spec.is_image


class Traversal:
    """The code of one test image, moved along the latents with the largest KL.

    If the model does not encode, it is the prior's centre, moved along the first latents.
    """

    def __init__(self, context: FigureContext, offsets: Tensor = OFFSETS) -> None:
        scale = prior_scale(context.decoder)
        self.unit = "σ of the prior" if scale else "σ of the codes"
        self.dims = torch.arange(min(ROWS, context.latents))
        self.measure: Tensor | None = None
        self.measure_name = ""
        if has_encoder(context):
            posteriors = context.posteriors
            self.dims = posteriors.ranking()[:ROWS]
            scale = scale or Scale(posteriors.mean.mean(0), posteriors.variance.sqrt())
            self.measure = posteriors.variance if posteriors.kl is None else posteriors.kl
            self.measure_name = "variance" if posteriors.kl is None else "KL in nats"
        assert scale is not None, "without an encoder the prior is a Gaussian"
        self.scale = scale
        self.codes = sweep(context.example_code.flatten().cpu().double(), self.dims, scale.deviation, offsets)
        self.images = context.decode(self.codes)

    @property
    def labels(self) -> list[str]:
        """The names of the latents and, of a model that encodes, their KL or variance."""
        names = [coordinate("z", d) for d in self.dims.tolist()]
        if self.measure is None:
            return names
        return [f"{name}  {self.measure[d]:.3g}" for name, d in zip(names, self.dims.tolist(), strict=True)]


def traversals(context: FigureContext, path: Path) -> None:
    """Draw one row for each latent: the code of an image with this latent moved from −3 to 3 σ."""
    traversal = Traversal(context)
    columns = [f"{offset:+.1f}" if offset else "0" for offset in OFFSETS.tolist()]
    title, below = "one latent moved at a time", f"offset from the prior's centre, in {traversal.unit}"
    if traversal.measure is not None:
        title += f"; beside each its {traversal.measure_name}"
        below = f"offset from the code of the first test image, in {traversal.unit}; 0 is its reconstruction"
    save_rows(path, traversal.images, title, traversal.labels, columns, below, WIDTH)


def traversal_gif(context: FigureContext, path: Path, frames: int = 25, milliseconds: int = 80) -> None:
    """Write the traversals as a GIF, all latents side by side, forward and back."""
    save_gif(path, Traversal(context, torch.linspace(-3, 3, frames, dtype=torch.float64)).images, milliseconds)


def chosen_pairs(context: FigureContext) -> list[tuple[int, int]]:
    """Return the first disjoint pairs of neighbouring test images, of different classes if there are labels."""
    y = None if context.test.y is None else context.test.y.cpu()
    pairs: list[tuple[int, int]] = []
    place = 0
    while place + 1 < len(context.test) and len(pairs) < PAIRS:
        if y is None or y[place] != y[place + 1]:
            pairs.append((place, place + 1))
            place += 1
        place += 1
    return pairs


def interpolation_codes(context: FigureContext) -> Tensor:
    """Return codes between the images of each pair: [2 · pairs, T, D], a linear and a spherical row for each."""
    ends = [context.codes(torch.tensor(pair)) for pair in chosen_pairs(context)]
    rows = [interpolate(one, other, STEPS, mode) for one, other in ends for mode in MODES]
    return torch.stack(rows)


def interpolations(context: FigureContext, path: Path) -> None:
    """Draw interpolations between pairs of test images, linear and spherical."""
    pairs = chosen_pairs(context)
    decoded = context.decode(interpolation_codes(context))
    ends = [context.originals(torch.tensor(pair)) for pair in pairs for _ in MODES]
    rows = [torch.cat([pair[:1], row, pair[1:]]) for pair, row in zip(ends, decoded, strict=True)]
    columns = ["image", *(f"{step / (STEPS - 1):.0%}" for step in range(STEPS)), "image"]
    below = "path from one code to the other; 0 % and 100 % are the reconstructions"
    names = list(MODES) * len(pairs)
    save_rows(path, torch.stack(rows), "between pairs of test images", names, columns, below, WIDTH)
