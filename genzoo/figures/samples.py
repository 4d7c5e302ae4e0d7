"""New examples, and old ones made again."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from genzoo.data.resident import Resident
from genzoo.figures.canvas import as_drawn, save_grid, save_pairs
from genzoo.figures.points import displacements, scatter
from genzoo.figures.subject import Subject
from genzoo.noise import generators, mix, seeded
from genzoo.protocols import LatentModel, Model
from genzoo.sampling import IN_A_ROW, Sampler, draw, rows_by_class

SAMPLES = 64
POINTS = 1000
TITLE_NAMES = 40
"""Characters of the names of classes in a title."""


@torch.no_grad()
def draw_samples(
    model: Model,
    train: Resident | None,
    n: int,
    seed: int = 0,
    sampler: Sampler | None = None,
    y: Tensor | None = None,
) -> tuple[Tensor, str]:
    """n new examples [n, *S] on the CPU, in the data's own units, and how they were made, as the caption says it.

    Without a sampler, codes come from the prior or, where there is none, from a Gaussian fitted to training codes.
    `train` is needed for fitted codes only. `y` [n] are the classes wanted of a conditional model.
    """
    sampler = sampler or Sampler.own(model)
    noise = len(model.spec.shape) == 1  # points are drawn from p(x|z); of images the mean is shown
    with generators, seeded(mix(seed, "samples")):
        x = draw(model, sampler, train, n, noise, y)
    return model.spec.original(x).cpu(), sampler.how if isinstance(model, LatentModel) else "drawn by the model"


def samples(subject: Subject, path: Path) -> None:
    """New images, or new points beside the data's."""
    model, train, test = subject.model, subject.view["train"], subject.test
    if not model.spec.is_image:
        new, how = draw_samples(model, train, POINTS)
        scatter(path, test.x[:POINTS].cpu(), new, f"{POINTS:,} samples, {how}")
        return
    y = rows_by_class(model)
    if y is None:
        new, how = draw_samples(model, train, SAMPLES)
        save_grid(path, new, f"{SAMPLES} samples, {how}")
    else:
        new, how = draw_samples(model, train, len(y), y=y)
        save_grid(path, new, f"{len(y)} samples, a row a class{_named(model)}, {how}", columns=IN_A_ROW)


def _named(model: Model) -> str:
    """The names of the classes, in brackets, where they are short enough for a title."""
    names = ", ".join(map(as_drawn, model.spec.class_names))
    return f" ({names})" if 0 < len(names) <= TITLE_NAMES else ""


def reconstructions(subject: Subject, path: Path) -> None:
    """Test examples beside what the model makes of them."""
    model, test = subject.latent_model, subject.test
    shown = 30 if model.spec.is_image else POINTS
    view = subject.examples(torch.arange(min(shown, len(test))))
    x, again = (model.spec.original(values).cpu() for values in (view, model.reconstruct(view)))
    if not model.spec.is_image:
        displacements(path, x, again, "test points and their reconstructions")
        return
    save_pairs(path, x, again, "test images (upper rows) and reconstructions (lower rows)")
