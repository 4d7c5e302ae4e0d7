"""genzoo interpolate: go from one example to another through codes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.application import add_application, prepare
from genzoo.cli.saved_run import OUT_HELP, save_numbers
from genzoo.figures.image_rows import draw_grid

if TYPE_CHECKING:
    pass


def add_verb(verbs: Any) -> None:
    """Add `interpolate`."""
    text = "go from one example to another through codes"
    interpolate = add_application(verbs, "interpolate", save_interpolation, text)
    interpolate.add_argument("--from", dest="start", default="test:0", metavar="WHAT", help="test:12, or a file")
    interpolate.add_argument("--to", dest="end", default="test:1", metavar="WHAT", help="test:77, or a file")
    interpolate.add_argument("--steps", type=int, default=9, metavar="N", help="pictures, both ends among them")
    interpolate.add_argument("--mode", default="linear", choices=("linear", "spherical"))
    interpolate.add_argument("--out", type=Path, metavar="FILE", help=OUT_HELP)


def save_interpolation(options: argparse.Namespace) -> int:
    """Draws the way from one example's reconstruction to another's, the originals outside."""
    work, out = prepare(options)
    import torch

    from genzoo.cli.application import one_example
    from genzoo.evaluation.latent_paths import interpolate
    from genzoo.system.computing import evaluating

    ends = torch.cat([one_example(options.start, work, options), one_example(options.end, work, options)])
    with torch.no_grad(), evaluating(work.model):
        codes = work.encode(ends)
        shown = work.decode(interpolate(codes[0], codes[1], options.steps, options.mode))
    if out.suffix == ".npy":
        save_numbers(out, shown)
    else:
        ends = work.original(ends)
        title = f"{options.start} → {options.end}, {options.mode}; the outermost two are the originals"
        draw_grid(out, torch.cat([ends[:1], shown, ends[1:]]), options.steps + 2, title)
    print(out)
    return 0
