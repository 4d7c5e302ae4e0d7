"""Samples and reconstructions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec
from genzoo.core.errors import printable
from genzoo.core.model import Decoder, Model
from genzoo.core.noise import derive_seed, generators, seeded
from genzoo.data.batching import FLOAT64, at_most, evaluation_batch, in_parts
from genzoo.data.resident import Resident
from genzoo.evaluation.sampling import IN_A_ROW, Sampler, described, draw, rows_by_class, unusual
from genzoo.figures.canvas import LONGEST_NAME, thumbnails
from genzoo.figures.context import FigureContext
from genzoo.figures.image_grid import save_grid
from genzoo.figures.image_rows import save_pairs
from genzoo.figures.scatter import displacements, scatter
from genzoo.system.computing import evaluating

SAMPLES = 64
"""Images in a figure of samples."""
POINTS = 1000
"""Largest number of points in a figure."""
TITLE_NAMES = 40
"""Largest total length of the class names in a title."""
POINT_BYTES = 1 << 26
"""Largest memory of the points in a figure, in bytes."""


@torch.no_grad()
def draw_samples(
    model: Model,
    train: Resident | None,
    n: int,
    seed: int = 0,
    sampler: Sampler | None = None,
    y: Tensor | None = None,
    reduced: bool = False,
    options: Any = None,
) -> tuple[Tensor, str]:
    """Return n new examples [n, *S] on the CPU in the units of the data, and how they were drawn, for the caption.

    Args:
        model: The model.
        train: Training data, needed for fitted codes only.
        n: How many examples.
        seed: Of the noise.
        sampler: The source of codes; by default the prior or, without one, a Gaussian fitted to training codes.
        y: Classes [n] for a conditional model.
        reduced: Whether to return thumbnails of large images.
        options: The model's sampling options, from `sampling_options`; None: its own.
    """
    sampler = sampler or Sampler.own(model)
    noise = len(model.spec.shape) == 1  # points are drawn from p(x|z); images are its mean

    def shown(x: Tensor) -> Tensor:
        x = model.spec.original(x).cpu()
        return thumbnails(x) if reduced and model.spec.is_image else x

    with evaluating(model), generators, seeded(derive_seed(seed, "samples")):
        x = draw(model, sampler, train, n, noise, y, shown, options)
    how = sampler.how if isinstance(model, Decoder) else "drawn by the model"
    return x, ", ".join([how, *described(unusual(options or model.sampling))])


def points_shown(spec: DataSpec) -> int:
    """Return the number of points in a figure: 1,000, or fewer in very many dimensions."""
    return at_most(POINT_BYTES, FLOAT64 * spec.numel, POINTS)


def samples(context: FigureContext, path: Path) -> None:
    """Draw new images, or new points beside the data."""
    model, train, spec = context.model, context.view["train"], context.shown_spec
    if not spec.is_image:
        n = points_shown(spec)
        new, how = draw_samples(model, train, n)
        real = context.test.x[:n].cpu()
        scatter(path, context.meaning(real), context.meaning(new), f"{n:,} samples, {how}")
        return
    y = rows_by_class(model)
    if y is None:
        new, how = draw_samples(model, train, SAMPLES, reduced=True)
        save_grid(path, context.meaning(new), f"{SAMPLES} samples, {how}")
    else:
        new, how = draw_samples(model, train, len(y), y=y, reduced=True)
        save_grid(
            path, context.meaning(new), f"{len(y)} samples, a row a class{_named(model)}, {how}", columns=IN_A_ROW
        )


def _named(model: Model) -> str:
    """Return the class names in brackets, or "" if they are too long for a title."""
    names = ", ".join(printable(name, LONGEST_NAME) for name in model.spec.class_names)
    return f" ({names})" if 0 < len(names) <= TITLE_NAMES else ""


def reconstructions(context: FigureContext, path: Path) -> None:
    """Draw test examples and their reconstructions."""
    model, test = context.model, context.test
    spec = context.shown_spec
    index = torch.arange(min(30 if spec.is_image else points_shown(spec), len(test)))
    size = evaluation_batch(model.spec)
    x = context.meaning(in_parts(context.originals, index, size))
    again = in_parts(lambda part: context.shown(context.autoencoder.reconstruct(context.examples(part))), index, size)
    again = context.meaning(again)
    if not spec.is_image:
        displacements(path, x, again, "test points and their reconstructions")
        return
    save_pairs(path, x, again, "test images (upper rows) and reconstructions (lower rows)")
