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
from genzoo.core.parts import Sampler
from genzoo.data.batching import FLOAT64, at_most, evaluation_batch, in_parts
from genzoo.evaluation.sampling import IN_A_ROW, described, draw, rows_by_class, unusual
from genzoo.figures.canvas import LONGEST_NAME, thumbnails
from genzoo.figures.context import FigureContext
from genzoo.figures.files import as_text, write_examples
from genzoo.figures.formats import ENDINGS
from genzoo.figures.image_grid import save_grid
from genzoo.figures.image_rows import save_pairs
from genzoo.figures.scatter import displacements, scatter
from genzoo.figures.signals import SHOWN, draw_signals
from genzoo.system.computing import evaluating

SAMPLES = 64
"""Images in a figure of samples."""
POINTS = 1000
"""Largest number of points in a figure."""
TITLE_NAMES = 40
"""Largest total length of the class names in a title."""
TEXTS = 16
"""Texts in a list of samples or reconstructions."""
ROWS = 10
"""Rows in a table of samples."""
POINT_BYTES = 1 << 26
"""Largest memory of the points in a figure, in bytes."""


@torch.no_grad()
def draw_samples(
    model: Model,
    sampler: Sampler | None,
    n: int,
    seed: int = 0,
    y: Tensor | None = None,
    reduced: bool = False,
    options: Any = None,
) -> tuple[Tensor, str]:
    """Return n new examples [n, *S] on the CPU in the units of the data, and how they were drawn, for the caption.

    Args:
        model: The model.
        sampler: The fitted density of the codes; None: the model draws by itself.
        n: How many examples.
        seed: Of the noise.
        y: Classes [n] for a conditional model.
        reduced: Whether to return thumbnails of large images.
        options: The model's sampling options, from `sampling_options`; None: its own.
    """
    noise = len(model.spec.shape) == 1  # points are drawn from p(x|z); images are its mean

    def shown(x: Tensor) -> Tensor:
        x = model.spec.original(x).cpu()
        return thumbnails(x) if reduced and model.spec.is_image else x

    with evaluating(model), generators, seeded(derive_seed(seed, "samples")):
        x = draw(model, sampler, n, noise, y, shown, options)
    how = "drawn by the model"
    if isinstance(model, Decoder):
        how = "z from the prior" if sampler is None else f"z from {sampler.name}, fitted to training codes"
    return x, ", ".join([how, *described(unusual(options or model.sampling))])


def points_shown(spec: DataSpec) -> int:
    """Return the number of points in a figure: 1,000, or fewer in very many dimensions."""
    return at_most(POINT_BYTES, FLOAT64 * spec.numel, POINTS)


def samples(context: FigureContext, path: Path) -> None:
    """Draw new images; write new texts; draw new signals or points beside the data, as sound or a table too."""
    model, sampler, spec = context.model, context.sampler, context.shown_spec
    if spec.kind == "tokens":
        new, _ = draw_samples(model, sampler, TEXTS)
        write_examples(path.with_suffix(".txt"), context.meaning(new), spec)
        return
    if spec.kind == "signal":
        new, how = draw_samples(model, sampler, SHOWN - 2)
        real = context.originals(torch.arange(min(2, len(context.test))))
        sets = {"real": context.meaning(real), "generated": context.meaning(new)}
        draw_signals(path, sets, spec.rate, f"signals, {how}")
        write_examples(path.with_suffix(".wav"), sets["generated"], spec)
        return
    if not spec.is_image:
        n = points_shown(spec)
        new, how = draw_samples(model, sampler, n)
        real, new = context.meaning(context.test.x[:n].cpu()), context.meaning(new)
        scatter(path, real, new, f"{n:,} samples, {how}")
        write_table(context, path.with_suffix(".csv"), new)
        return
    y = rows_by_class(model)
    if y is None:
        new, how = draw_samples(model, sampler, SAMPLES, reduced=True)
        save_grid(path, context.meaning(new), f"{SAMPLES} samples, {how}")
    else:
        new, how = draw_samples(model, sampler, len(y), y=y, reduced=True)
        save_grid(
            path, context.meaning(new), f"{len(y)} samples, a row a class{_named(model)}, {how}", columns=IN_A_ROW
        )


def write_table(context: FigureContext, path: Path, new: Tensor) -> None:
    """Write some new rows as a table, if the values have names."""
    form = context.run.form
    if form.columns or context.shown_spec.parts:
        write_examples(path, form.unscaled(new[:ROWS]), context.shown_spec, form.columns)


def _named(model: Model) -> str:
    """Return the class names in brackets, or "" if they are too long for a title."""
    names = ", ".join(printable(name, LONGEST_NAME) for name in model.spec.class_names)
    return f" ({names})" if 0 < len(names) <= TITLE_NAMES else ""


def reconstructions(context: FigureContext, path: Path) -> None:
    """Draw test examples and their reconstructions, or write them as texts; signals as sound too."""
    model, test = context.model, context.test
    spec = context.shown_spec
    most = {"image": 30, "tokens": TEXTS, "signal": SHOWN // 2}.get(spec.kind) or points_shown(spec)
    index = torch.arange(min(most, len(test)))
    size = evaluation_batch(model.spec)
    x = context.meaning(in_parts(context.originals, index, size))
    again = in_parts(lambda part: context.shown(context.autoencoder.reconstruct(context.examples(part))), index, size)
    again = context.meaning(again)
    if spec.kind in ("tokens", "signal"):
        save_reconstructions(path.with_suffix(ENDINGS[spec.kind][0]), x, again, spec)
        return
    if not spec.is_image:
        displacements(path, x, again, "test points and their reconstructions")
        return
    save_pairs(path, x, again, "test images (upper rows) and reconstructions (lower rows)")


def save_reconstructions(path: Path, x: Tensor, again: Tensor, spec: DataSpec) -> None:
    """Write tokens or signals [N, *S] and their reconstructions, each below its original.

    Args:
        path: A .txt file for tokens; for signals a .png picture, beside which the sound is written as .wav.
        x: The examples, in the units of the data.
        again: Their reconstructions.
        spec: Of the data.
    """
    both = torch.stack([x, again], 1).flatten(0, 1)
    if spec.kind == "tokens":
        marked = [f"{mark} {text}" for pair in zip(spec.spell(x), spec.spell(again), strict=True)
                  for mark, text in zip(("x ", "x̂ "), pair, strict=True)]  # fmt: skip
        path.write_text(as_text(marked), encoding="utf-8")
        return
    draw_signals(
        path,
        {f"signal {n + 1}": pair for n, pair in enumerate(both.unflatten(0, (-1, 2)))},
        spec.rate,
        "signals, each above its reconstruction",
    )
    write_examples(path.with_suffix(".wav"), both, spec)
