"""genzoo denoise: reconstruct noisy images, compared with a blur and a median filter."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.application import Application, add_application, add_files, prepare
from genzoo.cli.made_file import add_file, add_open, print_file
from genzoo.cli.saved_run import OUT_HELP, save_numbers
from genzoo.core.errors import UsageError
from genzoo.figures.image_rows import save_rows
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.evaluation.denoising import Comparison


SHOWN = 10
"""Columns of the picture."""


TEST_NOISE = 0.3
"""Standard deviation of the noise that is added to a split by default."""


def add_verb(verbs: Any) -> None:
    """Add `denoise`."""
    text = "reconstruct noisy images, compared with two filters"
    denoise = add_application(verbs, "denoise", save_denoised, text)
    add_files(denoise)
    denoise.add_argument(
        "--sigma",
        type=float,
        metavar="σ",
        help="standard deviation of the noise to add (default: 0.3 for a split, no noise for files)",
    )
    add_file(denoise, "--out", metavar="FILE", help=OUT_HELP)
    add_open(denoise)


def save_denoised(options: argparse.Namespace) -> int:
    """Print the PSNR of model, blur and median filter, and draw the first images."""
    from genzoo.cli.terminal import print_table

    opened, out = prepare(options)
    if not opened.model.spec.is_image:
        raise UsageError("denoise is for images", "use a run on images")
    if not opened.data.in_unit:
        raise UsageError("denoise is for images in [0, 1]; these have other values", "scale the images to [0, 1]")
    sigma = options.sigma if options.sigma is not None or options.files else TEST_NOISE
    found, again = denoise(opened, sigma, keep=out.suffix == ".npy")
    methods = found.methods()
    if again is not None:
        save_numbers(out, again)
    else:
        clean = {} if sigma is None else {"clean": opened.original(opened.examples(SHOWN))}
        draw_rows(out, clean | {name: found.first[name] for name in methods})
    psnr = {} if sigma is None else {name: found.quality(name) for name in methods}
    json_result(run=opened.run.path, n=len(opened.data), sigma=sigma, psnr_db=psnr, file=out)
    if psnr:
        print(f"PSNR in dB, mean over {len(opened.data):,} images, noise of σ = {sigma:g}")
        print_table([["", "PSNR"], *([name, f"{value:.2f}"] for name, value in psnr.items())])
        print("blur and median filter have the best strength for these images: a strict baseline")
    print_file(out, options)
    return 0


def denoise(opened: Application, sigma: float | None, keep: bool) -> tuple[Comparison, Tensor | None]:
    """Return the comparison of the model with two filters and, if `keep`, all images that the model denoised."""
    import torch

    from genzoo.evaluation.denoising import Comparison, with_noise
    from genzoo.system.computing import evaluating

    found, denoised = Comparison(SHOWN), []
    with torch.no_grad(), evaluating(opened.model):
        for index in opened.batches():
            given = noisy = opened.data.batch(index).x
            if sigma is not None:
                noisy = with_noise(given, sigma / opened.model.spec.scale, opened.data.keys[index])
            again = opened.original(opened.autoencoder.reconstruct(noisy))
            found.add(opened.original(noisy), again, None if sigma is None else opened.original(given))
            denoised += [again] if keep else []
    return found, torch.cat(denoised) if keep else None


def draw_rows(out: Path, rows: dict[str, Tensor]) -> None:
    """Draw the first images of each set as a row with a name."""
    import torch

    save_rows(out, torch.stack([images[:SHOWN] for images in rows.values()]), "denoising", list(rows))
