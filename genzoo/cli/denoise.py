"""genzoo denoise: reconstruct noisy images, beside a blur and a median filter."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.application import add_application, add_files, prepare
from genzoo.cli.saved_run import OUT_HELP, save_numbers
from genzoo.core.errors import UsageError
from genzoo.figures.image_rows import draw_grid

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.cli.application import Work
    from genzoo.evaluation.denoising import Comparison


SHOWN = 10
"""Columns of a picture of denoised images."""


TEST_NOISE = 0.3


def add_verb(verbs: Any) -> None:
    """Add `denoise`."""
    text = "reconstruct noisy images, beside a blur and a median filter"
    denoise = add_application(verbs, "denoise", save_denoised, text)
    add_files(denoise)
    denoise.add_argument("--sigma", type=float, metavar="σ", help="noise to add; default 0.3 to a split, none to files")
    denoise.add_argument("--json", action="store_true", help="as JSON")
    denoise.add_argument("--out", type=Path, metavar="FILE", help=OUT_HELP)


def save_denoised(options: argparse.Namespace) -> int:
    """Prints PSNR of model, blur and median filter, and draws the first images."""
    from genzoo.reporting.format import aligned
    from genzoo.runs.run import plain

    work, out = prepare(options)
    if not work.model.spec.is_image:
        raise UsageError("denoise is for images", "use a run on images")
    if not work.data.in_unit:
        raise UsageError("denoise is for images in [0, 1]; these have other values", "scale them")
    sigma = options.sigma if options.sigma is not None or options.files else TEST_NOISE
    found, again = denoise(work, sigma, keep=out.suffix == ".npy")
    methods = found.methods()
    if again is not None:
        save_numbers(out, again)
    else:
        clean = {} if sigma is None else {"clean": work.original(work.examples(SHOWN))}
        draw_rows(out, clean | {name: found.first[name] for name in methods})
    figures = {} if sigma is None else {name: found.quality(name) for name in methods}
    if options.json:
        record = {"run": str(work.run.path), "n": len(work.data), "sigma": sigma, "psnr_db": figures, "file": str(out)}
        print(json.dumps(plain(record)))
        return 0
    if figures:
        print(f"PSNR in dB, mean over {len(work.data):,} images, noise of σ = {sigma:g}")
        print(aligned([["", "PSNR"], *([name, f"{value:.2f}"] for name, value in figures.items())]))
        print("of blur and median filter the best strength for these images is shown, a strict baseline")
    print(out)
    return 0


def denoise(work: Work, sigma: float | None, keep: bool) -> tuple[Comparison, Tensor | None]:
    """What the model and two filters make of noisy images, and all of the model's if they are to be kept."""
    import torch

    from genzoo.evaluation.denoising import Comparison, with_noise
    from genzoo.system.computing import evaluating

    found, kept = Comparison(SHOWN), []
    with torch.no_grad(), evaluating(work.model):
        for index in work.batches():
            given = noisy = work.data.batch(index).x
            if sigma is not None:
                noisy = with_noise(given, sigma / work.model.spec.scale, work.data.keys[index])
            again = work.original(work.latent.reconstruct(noisy))
            found.add(work.original(noisy), again, None if sigma is None else work.original(given))
            kept += [again] if keep else []
    return found, torch.cat(kept) if keep else None


def draw_rows(out: Path, rows: dict[str, Tensor]) -> None:
    """The first images of each set, a named row each."""
    import torch

    shown = [images[:SHOWN] for images in rows.values()]
    draw_grid(out, torch.cat(shown), len(shown[0]), "denoising", list(rows))
