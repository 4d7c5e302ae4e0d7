"""genzoo denoise, interpolate, traverse, augment: new pictures from a finished run's model."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.use import PICTURES, own_figure, refuse_output, refuse_too_many, save_numbers
from genzoo.core.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.cli.inputs import Work
    from genzoo.evaluation.denoising import Comparison

SHOWN = 10
"""Columns of a picture of denoised images."""
TEST_NOISE = 0.3
LIVELIEST = 8
"""How many dimensions are traversed unless some are named."""
INPUTS = 8
"""How many examples of a split are varied unless files are named."""
ENCODED = 1000
"""Examples whose codes tell which dimensions vary most."""
LARGEST_STEPS = 200


def add_verbs(verbs: Any) -> None:
    """Adds `denoise`, `interpolate`, `traverse` and `augment`."""
    from genzoo.cli.apply import add_files, add_verb

    out = "a .png picture, or .npy for the numbers"
    denoise = add_verb(verbs, "denoise", save_denoised, "reconstruct noisy images, beside a blur and a median filter")
    add_files(denoise)
    denoise.add_argument("--sigma", type=float, metavar="σ", help="noise to add; default 0.3 to a split, none to files")
    denoise.add_argument("--json", action="store_true", help="as JSON")
    interpolate = add_verb(verbs, "interpolate", save_interpolation, "go from one example to another through codes")
    interpolate.add_argument("--from", dest="start", default="test:0", metavar="WHAT", help="test:12, or a file")
    interpolate.add_argument("--to", dest="end", default="test:1", metavar="WHAT", help="test:77, or a file")
    interpolate.add_argument("--steps", type=int, default=9, metavar="N", help="pictures, both ends among them")
    interpolate.add_argument("--mode", default="linear", choices=("linear", "spherical"))
    traverse = add_verb(verbs, "traverse", save_traversal, "change one latent dimension at a time")
    traverse.add_argument("--dims", metavar="A,B", help=f"default: the {LIVELIEST} that vary most over the split")
    traverse.add_argument("--range", type=float, default=3.0, metavar="R", help="from −R to R; default 3")
    traverse.add_argument("--steps", type=int, default=11, metavar="N", help="values of each")
    traverse.add_argument("--from", dest="start", metavar="WHAT", help="test:12, or a file; default: the prior's mean")
    augment = add_verb(verbs, "augment", save_variations, "variations of each input, drawn from its posterior")
    add_files(augment)
    augment.add_argument("-n", type=int, default=8, metavar="N", help="variations of each")
    augment.add_argument("--scale", type=float, default=1.0, help="of the posterior's standard deviation; default 1")
    augment.add_argument("--seed", type=int, default=0, metavar="N")
    for parser in (denoise, interpolate, augment):
        parser.add_argument("--out", type=Path, metavar="FILE", help=out)
    traverse.add_argument("--out", type=Path, metavar="FILE", help=f"{out}, or .gif")


def prepare(options: argparse.Namespace, kinds: tuple[str, ...] = PICTURES) -> tuple[Work, Path]:
    """The opened run, which must have an encoder, and the file to write."""
    from genzoo.cli.inputs import open_work

    refuse_output(options.out, kinds)
    if not 2 <= getattr(options, "steps", 2) <= LARGEST_STEPS:
        raise UsageError(f"--steps {options.steps}: between 2 and {LARGEST_STEPS}", "such as --steps 9")
    for name in ("sigma", "range", "scale"):
        value = getattr(options, name, None)
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(
                f"--{name} {value} must be a finite number, not negative", f"type: genzoo {options.verb} --help"
            )
    work = open_work(options)
    assert work.latent is work.model
    if (options.out is None or options.out.suffix != ".npy") and not work.model.spec.is_image:
        raise UsageError("these data are no images to draw", "take the numbers: --out FILE.npy")
    return work, options.out or own_figure(work.run, f"{options.verb}.png")


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


def save_interpolation(options: argparse.Namespace) -> int:
    """Draws the way from one example's reconstruction to another's, the originals outside."""
    work, out = prepare(options)
    import torch

    from genzoo.cli.inputs import one_example
    from genzoo.evaluation.latent_paths import on_the_way
    from genzoo.system.computing import evaluating

    ends = torch.cat([one_example(options.start, work, options), one_example(options.end, work, options)])
    with torch.no_grad(), evaluating(work.model):
        codes = work.encode(ends)
        shown = work.decode(on_the_way(codes[0], codes[1], options.steps, options.mode))
    if out.suffix == ".npy":
        save_numbers(out, shown)
    else:
        ends = work.original(ends)
        title = f"{options.start} → {options.end}, {options.mode}; the outermost two are the originals"
        draw_grid(out, torch.cat([ends[:1], shown, ends[1:]]), options.steps + 2, title)
    print(out)
    return 0


def save_traversal(options: argparse.Namespace) -> int:
    """Draws what each latent dimension does, a row each."""
    work, out = prepare(options, (*PICTURES, ".gif"))
    import torch

    from genzoo.cli.inputs import one_example
    from genzoo.evaluation.latent_paths import traversal_codes
    from genzoo.figures.canvas import save_gif
    from genzoo.system.computing import evaluating

    with torch.no_grad(), evaluating(work.model):
        prior, seen = work.latent.prior(), None
        if options.dims is None or (prior is None and not options.start):
            seen = codes_of_split(work, needed=prior is None and not options.start)
        if options.start:
            z, base = work.latent.encode(one_example(options.start, work, options))[0], options.start
        elif prior is not None:
            z, base = prior.mean, "the prior's mean"
        else:
            assert seen is not None
            z, base = seen.mean(0), "the mean code"
        dims = choose_dims(options.dims, z.numel(), seen)
        codes = traversal_codes(z, dims, options.range, options.steps)
        shown = work.decode(codes.flatten(0, 1))
    images = shown.unflatten(0, (len(dims), options.steps))
    if out.suffix == ".npy":
        save_numbers(out, images)
    elif out.suffix == ".gif":
        save_gif(out, images)
    else:
        names = [f"z{dim}" for dim in dims]
        draw_grid(
            out,
            shown,
            options.steps,
            f"one dimension from −{options.range:g} to {options.range:g}, around {base}",
            names,
        )
    print(f"dimensions {','.join(map(str, dims))}")
    print(out)
    return 0


def codes_of_split(work: Work, needed: bool) -> Tensor | None:
    """Codes [N, *D] of the first examples of the split; None where it cannot be read and is not needed."""
    import torch

    data = work.data if needed else work.source.view_if_there(work.split, work.device, "the first dimensions are shown")
    if data is None:
        return None
    return work.encode(data.batch(torch.arange(min(ENCODED, len(data)), device=work.device)).x)


def choose_dims(asked: str | None, size: int, codes: Tensor | None) -> list[int]:
    """The dimensions that were asked for, or those of codes [N, *D] that vary most, or else the first.

    Args:
        asked: Such as "0,3".
        size: How many there are.
        codes: Of examples, if there are any.
    """
    if asked is None:
        if codes is None:
            return list(range(min(size, LIVELIEST)))
        order: list[int] = codes.flatten(1).var(0, correction=0).argsort(descending=True)[:LIVELIEST].tolist()
        return order
    words = asked.split(",")
    wrong = [word for word in words if not (word.isascii() and word.isdigit() and len(word) < 9 and int(word) < size)]
    if wrong:
        raise UsageError(f"--dims {asked}: {wrong[0]!r} is none of the {size} dimensions", f"from 0 to {size - 1}")
    return [int(word) for word in words]


def save_variations(options: argparse.Namespace) -> int:
    """Draws or writes n variations of each input."""
    work, out = prepare(options)
    import torch

    from genzoo.core.distributions import Delta
    from genzoo.core.noise import keyed, mix
    from genzoo.system.computing import evaluating

    x = work.examples(None if options.files else INPUTS)
    refuse_too_many(options.n * len(x), work.model.spec, work.device)
    with torch.no_grad(), evaluating(work.model), keyed(work.data.keys[: len(x)] ^ mix(options.seed, "augment")):
        q = work.latent.posterior(x)
        if isinstance(q, Delta):
            raise UsageError(
                f"{work.run.config.model} encodes to points: there is nothing to draw", "use a model with a posterior"
            )
        z = q.mean + options.scale * (q.rsample((options.n,)) - q.mean)
        new = work.decode(z.flatten(0, 1)).unflatten(0, (options.n, len(x))).transpose(0, 1)
    if out.suffix == ".npy":
        save_numbers(out, new)
    else:
        rows = torch.cat([work.original(x)[:, None], new], 1)
        title = f"inputs (left) and {options.n} variations of each, scale {options.scale:g}"
        draw_grid(out, rows.flatten(0, 1), options.n + 1, title)
    print(out)
    return 0


def draw_grid(out: Path, images: Tensor, columns: int, title: str, names: Sequence[str] = ()) -> None:
    """Images [N, C, H, W] in rows of `columns`, with a name left of each row if there are names."""
    from genzoo.figures.canvas import grid_of
    from genzoo.figures.image_grid import Labels, save_sheet

    grid = grid_of(images, columns)
    height = grid.shape[0] / math.ceil(len(images) / columns)
    rows = Labels([(number + 0.5) * height for number in range(len(names))], names)
    save_sheet(out, [grid], title, max(4.5, min(14.0, 0.75 * columns)), rows)


def draw_rows(out: Path, rows: dict[str, Tensor]) -> None:
    """The first images of each set, a named row each."""
    import torch

    shown = [images[:SHOWN] for images in rows.values()]
    draw_grid(out, torch.cat(shown), len(shown[0]), "denoising", list(rows))
