"""genzoo impute: draw hidden values of examples given the others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.application import Application, add_application, one_example, open_application, split_example
from genzoo.cli.made_file import add_file, add_open, open_file, print_file
from genzoo.cli.saved_run import PICTURES, figure_path, refuse_output
from genzoo.core.errors import UsageError, printable
from genzoo.figures.formats import either
from genzoo.figures.image_rows import save_rows
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.evaluation.imputation import Imputation

DRAWS = 8
"""Draws of each image by default; of other data one."""
SHOWN = 8
"""Test examples without any given."""
MOST = 10_000
"""The largest number of draws of all examples together."""
HIDDEN_GREY = 0.5
"""Grey level at which hidden pixels are drawn."""


def add_verb(verbs: Any) -> None:
    """Add `impute`."""
    text = "draw hidden values of examples given the others"
    impute = add_application(verbs, "impute", save_imputed, text)
    what = "test:12, a picture, or a table with empty cells (default: the first examples of the split)"
    impute.add_argument("examples", nargs="*", default=[], metavar="EXAMPLE", help=what)
    mask = "left, right, top, bottom, or FILE whose dark pixels are hidden; of tables: names of columns, as a,b"
    impute.add_argument("--mask", metavar="M", help=f"what is hidden: {mask} (default: left; of files of tables: gaps)")
    impute.add_argument("--draws", type=int, metavar="K", help="draws of each example (default: 8 of images, else 1)")
    steps = "steps of the chain in the latents of a latent model (default: 500)"
    impute.add_argument("--steps", type=int, default=500, metavar="N", help=steps)
    impute.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draws (default: 0)")
    out = "a .png picture, .csv for a table, or .npy for numbers: draws [K, N, …]"
    add_file(impute, "--out", metavar="FILE", help=out)
    add_open(impute)


def save_imputed(options: argparse.Namespace) -> int:
    """Draw the hidden values; print how probable the true ones are, and how far the draws' mean is from them."""
    refuse_output(options.out, (*PICTURES, ".csv"))
    opened = open_application(options)
    import torch

    from genzoo.core.noise import derive_seed, seeded
    from genzoo.evaluation.imputation import impute
    from genzoo.system.computing import evaluating

    spec = opened.model.spec
    draws = options.draws if options.draws is not None else DRAWS if spec.is_image else 1
    if draws < 1 or options.steps < 2:
        raise UsageError("--draws must be at least 1 and --steps at least 2", "try --draws 8 --steps 500")
    if spec.is_discrete:
        raise UsageError("impute is for numbers; these data are tokens", "use a run on images or tables")
    out = options.out or out_of(opened)
    refuse_ending(out, opened)
    x, known, gaps = examples(options, opened)
    if draws * len(x) > MOST:
        raise UsageError(f"{draws} draws of {len(x):,} examples are more than {MOST:,}", "give fewer examples")
    with torch.no_grad(), evaluating(opened.model), seeded(derive_seed(options.seed, "impute")):
        found = impute(opened.model, x, known, draws, options.steps)
    write(out, opened, x, known, found.draws)
    report(options, opened, out, x, known, None if gaps else found)
    return 0


def out_of(opened: Application) -> Path:
    """Return the file without --out: a picture in the run's folder, or a table here."""
    if opened.model.spec.is_image:
        return figure_path(opened.run, "impute.png")
    return Path("imputed.csv" if opened.model.spec.kind == "vector" else "imputed.npy")


def refuse_ending(out: Path, opened: Application) -> None:
    """Refuse a file that does not fit the kind of the data."""
    fitting = {"image": PICTURES, "vector": (".csv", ".npy")}.get(opened.model.spec.kind, (".npy",))
    if out.suffix not in fitting:
        what = f"--out {out}: imputed data of kind {opened.model.spec.kind} are written to {either(fitting)}"
        raise UsageError(what, f"use a name such as out{fitting[0]}")


def examples(options: argparse.Namespace, opened: Application) -> tuple[Tensor, Tensor, bool]:
    """Return the examples [N, *S], which values are known, and whether the others are unknown to us too."""
    import torch

    from genzoo.cli.input_files import TABLES, read_files

    given = options.examples or [f"{options.split}:{number}" for number in range(SHOWN)]
    tables = [name for name in given if Path(name).suffix.lower() in (*TABLES, ".npy") and not split_example(name)]
    if not tables:
        x = torch.cat([one_example(name, opened, options) for name in given])
        return x, ~hidden(options.mask or "left", opened).to(x.device).expand_as(x), False
    if len(tables) < len(given):
        raise UsageError("give either tables or single examples", f"type: genzoo impute {options.run} {tables[0]}")
    gaps: list[Tensor] = []
    paths = [Path(name) for name in tables]
    data, _ = read_files(paths, opened.run, opened.model.spec, opened.device, options.resize, gaps)
    x = data.batch(torch.arange(len(data), device=opened.device)).x
    if options.mask or not gaps:
        return x, ~hidden(options.mask or "left", opened).to(x.device).expand_as(x), False
    missing = torch.cat(gaps).to(x.device)
    if not bool(missing.any()):
        raise UsageError(f"{tables[0]} has no empty cell", "leave cells empty, or hide columns: --mask NAME,NAME")
    return x, ~missing, True


def hidden(mask: str, opened: Application) -> Tensor:
    """Return which values a mask hides, [*S] bool.

    Raises:
        UsageError: It names no half, file or column.
    """
    import torch

    from genzoo.cli.input_files import read_picture
    from genzoo.evaluation.imputation import SIDES, hidden_half
    from genzoo.figures.files import column_names

    spec = opened.model.spec
    if spec.is_image:
        if mask in SIDES:
            return hidden_half(mask, spec.shape)
        if not Path(mask).is_file():
            raise UsageError(f"--mask {mask}: no half and no file", f"use {', '.join(SIDES)}, or FILE.png")
        grey = read_picture(Path(mask), spec, resize=True)[0].float().mean(0)
        return (grey < 128).expand(spec.shape).clone()
    names = column_names(spec, opened.run.form.columns) if spec.kind == "vector" else []
    chosen = torch.zeros(spec.numel, dtype=torch.bool)
    for name in mask.split(","):
        if name not in names:
            raise UsageError(f"--mask {mask}: no column {name!r}", f"columns: {', '.join(names[:12]) or 'none'}")
        chosen[names.index(name)] = True
    return chosen.view(spec.shape)


def write(out: Path, opened: Application, x: Tensor, known: Tensor, draws: Tensor) -> None:
    """Write the draws [K, N, *S] as rows of a picture, as a table of one draw after another, or as numbers."""
    import torch

    from genzoo.cli.saved_run import save_numbers
    from genzoo.figures.files import write_examples

    spec = opened.model.spec
    own = torch.stack([opened.original(part) for part in draws])
    if out.suffix == ".csv":
        write_examples(out, own.flatten(0, 1), spec, opened.run.form.columns)
    elif out.suffix == ".npy":
        save_numbers(out, own)
    else:
        original = opened.original(x)
        given = torch.where(known.cpu(), original, HIDDEN_GREY)
        images = torch.stack([given, *own, own.mean(0), original], 1)
        columns = ["given", *(f"draw {number + 1}" for number in range(len(own))), "mean", "original"]
        save_rows(out, images.clamp(0, 1), "hidden pixels, drawn given the others", columns=columns)


def report(
    options: argparse.Namespace, opened: Application, out: Path, x: Tensor, known: Tensor, found: Imputation | None
) -> None:
    """Print the scores of the draws; without the true values, only the file."""
    from genzoo.cli.terminal import print_table

    if found is None:
        json_result(run=opened.run.path, n=len(x), filled=int((~known).sum()), file=out)
        print(f"{int((~known).sum()):,} empty cells of {len(x):,} examples filled")
        print(printable(str(out)))
        open_file(out, options)
        return
    errors = {"mean of the draws": found.draws.mean(0), "mean of the training data": training_mean(opened, x)}
    error = {name: squared_error(opened, values, x, known) for name, values in errors.items()}
    log_hidden = None if found.log_hidden is None else found.log_hidden.double().mean().item()
    json_result(run=opened.run.path, n=len(x), draws=len(found.draws), squared_error=error, file=out)
    json_result(log_hidden=log_hidden, exactness=found.exactness)
    print(f"squared error of hidden values, mean over {len(x):,} examples")
    print_table([["", "MSE"], *([name, f"{value:.5f}"] for name, value in error.items())])
    if log_hidden is not None:
        sign = "≥ " if found.exactness == "bound" else ""
        print(f"ln p(hidden|known) {sign}{log_hidden:.2f} nats an example")
    print_file(out, options)


def training_mean(opened: Application, x: Tensor) -> Tensor:
    """Return the mean of the training data, as often as there are examples, [N, *S]."""
    import torch

    train = opened.source.view("train", opened.device)
    parts = torch.arange(min(MOST, len(train)), device=opened.device).split(opened.batch_size)
    total = torch.stack([train.batch(part).x.sum(0) for part in parts]).sum(0)
    return (total / min(MOST, len(train))).expand_as(x)


def squared_error(opened: Application, values: Tensor, x: Tensor, known: Tensor) -> float:
    """Return the mean squared error of hidden values, in the units of the data."""
    error = (opened.original(values) - opened.original(x)).square()
    return error[~known.cpu()].mean().item()
