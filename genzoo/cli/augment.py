"""genzoo augment: draw variations of each input from its posterior."""

from __future__ import annotations

import argparse
from typing import Any

from genzoo.cli.application import add_application, add_files, prepare
from genzoo.cli.made_file import add_file, add_open, print_file
from genzoo.cli.saved_run import OUT_HELP, refuse_too_many, save_numbers
from genzoo.core.errors import UsageError
from genzoo.figures.image_rows import save_rows
from genzoo.system.json_output import json_result

INPUTS = 8
"""Examples of a split that are varied by default."""


def add_verb(verbs: Any) -> None:
    """Add `augment`."""
    augment = add_application(verbs, "augment", save_variations, "draw variations of each input from its posterior")
    add_files(augment)
    augment.add_argument("-n", type=int, default=8, metavar="N", help="variations of each input (default: 8)")
    augment.add_argument("--scale", type=float, default=1.0, help="factor of the standard deviation (default: 1)")
    augment.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draws (default: 0)")
    add_file(augment, "--out", metavar="FILE", help=OUT_HELP)
    add_open(augment)


def save_variations(options: argparse.Namespace) -> int:
    """Draw n variations of each input, or write them as numbers."""
    opened, out = prepare(options, needs="LatentModel")
    import torch

    from genzoo.core.distributions import Delta
    from genzoo.core.model import LatentModel
    from genzoo.core.noise import derive_seed, keyed
    from genzoo.system.computing import evaluating

    x = opened.examples(None if options.files else INPUTS)
    refuse_too_many(options.n * len(x), opened.model.spec, opened.device)
    with (
        torch.no_grad(),
        evaluating(opened.model),
        keyed(opened.data.keys[: len(x)] ^ derive_seed(options.seed, "augment")),
    ):
        assert isinstance(opened.model, LatentModel)
        q = opened.model.posterior(x)
        if isinstance(q, Delta):
            raise UsageError(
                f"{opened.run.config.model} has no posterior to draw from", "use a run of a model such as vae"
            )
        z = q.centre + options.scale * (q.rsample((options.n,)) - q.centre)
        new = opened.decode(z.flatten(0, 1)).unflatten(0, (options.n, len(x))).transpose(0, 1)
    if out.suffix == ".npy":
        save_numbers(out, new)
    else:
        rows = torch.cat([opened.original(x)[:, None], new], 1)
        title = f"inputs (left) and {options.n} variations of each, scale {options.scale:g}"
        save_rows(out, rows, title)
    json_result(run=opened.run.path, file=out, inputs=len(x), n=options.n, scale=options.scale)
    print_file(out, options)
    return 0
