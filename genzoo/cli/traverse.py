"""genzoo traverse: change one latent dimension at a time."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from genzoo.cli.application import Application, add_application, one_example, prepare, require
from genzoo.cli.made_file import add_file, add_open, print_file
from genzoo.cli.saved_run import OUT_HELP, PICTURES, save_numbers
from genzoo.core.errors import UsageError
from genzoo.core.text import list_in
from genzoo.figures.image_rows import save_rows
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from torch import Tensor


MOST_DIMS = 8
"""Dimensions that are traversed by default."""
ENCODED = 1000
"""Examples whose codes show which dimensions vary most."""


def add_verb(verbs: Any) -> None:
    """Add `traverse`."""
    traverse = add_application(verbs, "traverse", save_traversal, "change one latent dimension at a time")
    traverse.add_argument(
        "--dims", metavar="0-3,7", help=f"dimensions (default: the {MOST_DIMS} with the largest variance)"
    )
    traverse.add_argument("--range", type=float, default=3.0, metavar="R", help="from −R to R (default: 3)")
    traverse.add_argument("--steps", type=int, default=11, metavar="N", help="values of each dimension (default: 11)")
    traverse.add_argument(
        "--from", dest="start", metavar="WHAT", help="test:12, or a file (default: the prior's centre)"
    )
    add_file(traverse, "--out", metavar="FILE", help=f"{OUT_HELP}, or .gif")
    add_open(traverse)


def save_traversal(options: argparse.Namespace) -> int:
    """Draw a traversal of each latent dimension as a row."""
    opened, out = prepare(options, (*PICTURES, ".gif"), needs="Decoder")
    if options.start:
        require(opened.run, opened.model, "Encoder", "genzoo traverse --from")
    import torch

    from genzoo.core.model import Encoder
    from genzoo.evaluation.latent_paths import traversal_codes
    from genzoo.figures.canvas import save_gif
    from genzoo.system.computing import evaluating

    with torch.no_grad(), evaluating(opened.model):
        prior, known = opened.decoder.prior(), None
        encodes = isinstance(opened.model, Encoder)
        if prior is None and not options.start:
            require(opened.run, opened.model, "Encoder", "genzoo traverse without a prior")
        if encodes and (options.dims is None or (prior is None and not options.start)):
            known = codes_of_split(opened, needed=prior is None and not options.start)
        if options.start:
            z, base = opened.encoder.encode(one_example(options.start, opened, options))[0], options.start
        elif prior is not None:
            z, base = prior.centre, "the prior's centre"
        else:
            assert known is not None
            z, base = known.mean(0), "the mean code"
        dims = choose_dims(options.dims, z.numel(), known)
        codes = traversal_codes(z, dims, options.range, options.steps)
        decoded = opened.decode(codes.flatten(0, 1))
    images = decoded.unflatten(0, (len(dims), options.steps))
    if out.suffix == ".npy":
        save_numbers(out, images)
    elif out.suffix == ".gif":
        save_gif(out, images)
    else:
        names = [f"z{dim}" for dim in dims]
        title = f"one dimension from −{options.range:g} to {options.range:g}, around {base}"
        save_rows(out, images, title, names)
    json_result(run=opened.run.path, file=out, dimensions=dims, steps=options.steps, range=options.range, around=base)
    print(f"dimensions {','.join(map(str, dims))}")
    print_file(out, options)
    return 0


def codes_of_split(opened: Application, needed: bool) -> Tensor | None:
    """Return codes [N, *D] of the first examples of the split; None if it cannot be read and is not needed."""
    import torch

    data = (
        opened.data
        if needed
        else opened.source.view_if_there(opened.split, opened.device, "the first dimensions are shown")
    )
    if data is None:
        return None
    return opened.encode(data.batch(torch.arange(min(ENCODED, len(data)), device=opened.device)).x)


def choose_dims(asked: str | None, size: int, codes: Tensor | None) -> list[int]:
    """Return the dimensions of `--dims`, or those of codes [N, *D] that vary most, or else the first ones.

    Args:
        asked: Such as "0,3"; None without `--dims`.
        size: The number of dimensions.
        codes: Codes of examples, if known.

    Raises:
        UsageError: There is no such dimension.
    """
    if asked is None:
        if codes is None:
            return list(range(min(size, MOST_DIMS)))
        order: list[int] = codes.flatten(1).var(0, correction=0).argsort(descending=True)[:MOST_DIMS].tolist()
        return order
    words = list_in(asked, "--dims")
    wrong = [word for word in words if not (word.isascii() and word.isdigit() and len(word) < 9 and int(word) < size)]
    if wrong:
        raise UsageError(f"--dims {asked}: {wrong[0]!r} is not one of the {size} dimensions", f"from 0 to {size - 1}")
    return [int(word) for word in words]
