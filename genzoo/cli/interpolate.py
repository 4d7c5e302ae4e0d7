"""genzoo interpolate: decode a path between the codes of two examples."""

from __future__ import annotations

import argparse
from typing import Any

from genzoo.cli.application import add_application, one_example, prepare
from genzoo.cli.made_file import add_file, add_open, print_file
from genzoo.cli.saved_run import OUT_HELP, save_numbers
from genzoo.figures.image_rows import save_rows
from genzoo.system.json_output import json_result


def add_verb(verbs: Any) -> None:
    """Add `interpolate`."""
    text = "decode a path between the codes of two examples"
    interpolate = add_application(verbs, "interpolate", save_interpolation, text)
    interpolate.add_argument(
        "--from", dest="start", default="test:0", metavar="X", help="test:12 or a file (default: test:0)"
    )
    interpolate.add_argument(
        "--to", dest="end", default="test:1", metavar="X", help="test:77 or a file (default: test:1)"
    )
    interpolate.add_argument("--steps", type=int, default=9, metavar="N", help="number of codes (default: 9)")
    interpolate.add_argument("--mode", default="linear", choices=("linear", "spherical"), help="default: linear")
    add_file(interpolate, "--out", metavar="FILE", help=OUT_HELP)
    add_open(interpolate)


def save_interpolation(options: argparse.Namespace) -> int:
    """Draw the path from one reconstruction to another, between the two originals."""
    opened, out = prepare(options)
    import torch

    from genzoo.evaluation.latent_paths import interpolate
    from genzoo.system.computing import evaluating

    ends = torch.cat([one_example(options.start, opened, options), one_example(options.end, opened, options)])
    with torch.no_grad(), evaluating(opened.model):
        codes = opened.encode(ends)
        decoded = opened.decode(interpolate(codes[0], codes[1], options.steps, options.mode))
    if out.suffix == ".npy":
        save_numbers(out, decoded)
    else:
        ends = opened.original(ends)
        title = f"{options.start} → {options.end}, {options.mode}; the first and last are the originals"
        save_rows(out, torch.cat([ends[:1], decoded, ends[1:]])[None], title)
    ends_of = {"from": options.start, "to": options.end}
    json_result(run=opened.run.path, file=out, steps=options.steps, mode=options.mode, **ends_of)
    print_file(out, options)
    return 0
