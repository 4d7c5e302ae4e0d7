"""genzoo reconstruct: encode and decode examples."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from genzoo.cli.loading import Source
from genzoo.cli.made_file import add_file, add_open, print_file
from genzoo.cli.saved_run import EXAMPLES, OUT_HELP, add_run_verb, figure_path, for_each, open_run, refuse_output
from genzoo.core.errors import HINT, UsageError, printable
from genzoo.data.readers.images import SUFFIXES
from genzoo.runs.reference import MODEL_FILE

INPUTS = (*EXAMPLES, *SUFFIXES, ".npz")
"""Endings of the names of files, which are no runs."""


def add_verb(verbs: Any) -> None:
    """Add `reconstruct`."""
    reconstruct = add_run_verb(verbs, "reconstruct", reconstruct_runs, "encode and decode examples", several=True)
    files = "pictures, folders of pictures, .npy, .npz or .csv (default: test examples)"
    reconstruct.add_argument("images", nargs="*", default=[], type=Path, metavar="FILE", help=files)
    reconstruct.add_argument("-n", type=int, default=30, metavar="N", help="number of test examples (default: 30)")
    reconstruct.add_argument("--resize", action="store_true", help="resize pictures to the size that the model takes")
    add_file(reconstruct, "--out", metavar="FILE", help=OUT_HELP)
    add_open(reconstruct)


def reconstruct_runs(options: argparse.Namespace) -> int:
    """Write examples and their reconstructions by each run."""
    refuse_output(options.out, EXAMPLES)
    options.images = [Path(word) for word in options.run if is_input(word)]
    options.run = [word for word in options.run if not is_input(word)]
    if not options.run:
        raise UsageError("which run?", "name it before the files: genzoo reconstruct RUN FILE")
    return for_each(options, save_reconstructions)


def is_input(word: str) -> bool:
    """Return whether a word names a file or a folder of examples, and no run."""
    path = Path(word)
    if path.suffix.lower() in INPUTS:
        return True
    return path.exists() and path.name != MODEL_FILE and not (path / "config.json").exists()


def save_reconstructions(options: argparse.Namespace) -> dict[str, Any]:
    """Write originals and reconstructions of a run as a picture, or the latter as numbers, and return the record."""
    run, device = open_run(options)
    import torch

    from genzoo.cli.input_files import read_files
    from genzoo.core.model import Autoencoder, require_capability
    from genzoo.data.batching import evaluation_batch, in_parts
    from genzoo.figures import draw as figures
    from genzoo.figures.files import write_examples
    from genzoo.figures.formats import ENDINGS, is_picture, refuse_other_ending
    from genzoo.system.computing import evaluating

    model = run.model.to(device)
    kind = model.spec.kind
    if options.out:
        refuse_other_ending(options.out, kind)
    require_capability(model, Autoencoder, "genzoo reconstruct", run.config.model, f"genzoo sample {options.run}")
    assert isinstance(model, Autoencoder)
    if options.images:
        data, names = read_files(options.images, run, model.spec, device, options.resize)
    else:
        data, names = Source.of(run, options).view("test", device), []
    shown = len(data) if options.images else min(options.n, len(data))
    x = data.batch(torch.arange(shown, device=device)).x
    with torch.no_grad(), evaluating(model):
        again = in_parts(lambda part: model.reconstruct(part).cpu(), x, evaluation_batch(model.spec))
    x, again = model.spec.original(x.cpu()), model.spec.original(again)
    error = (again != x if kind == "tokens" else (again - x).square()).float().flatten(1).mean(1)
    out: Path = options.out or figure_path(run, f"reconstructed{ENDINGS[kind][0]}")
    if out.suffix == ".txt" or (kind == "signal" and is_picture(out)):
        figures.save_reconstructions(out, x, again, model.spec)
    elif not is_picture(out):
        write_examples(out, run.form.unscaled(again) if kind == "vector" else again, model.spec, run.form.columns)
    elif model.spec.is_image:
        figures.save_pairs(out, x, again, f"originals and reconstructions, MSE {error.mean():.4f}")
    else:
        figures.displacements(out, x, again, "points and their reconstructions")
    measured, of_each = "wrong" if kind == "tokens" else "MSE", list(zip(names, error.tolist(), strict=False))
    examples = [{"example": name, "error": value} for name, value in of_each]
    for name, value in of_each:
        print(f"{printable(name, HINT)}  {measured} {value:.5f}")
    print_file(out, options)
    found = {"n": len(x), "measured": measured, "mean": error.mean().item(), "examples": examples}
    return {"run": run.path, "file": out, **found}
