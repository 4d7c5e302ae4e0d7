"""genzoo sweep: try options of one model, and choose among them by validation data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.choosing import NOT_HERE, default_folder, made_and_chosen, planned, refuse_fixed
from genzoo.cli.commas import grid_of, refuse_blanks
from genzoo.cli.search import search
from genzoo.cli.sharing import add_sharing, refuse_jobs, tell_one_seed
from genzoo.cli.words import add_data_root, add_formats, refuse_elsewhere
from genzoo.core.errors import UsageError, listed

if TYPE_CHECKING:
    from genzoo.experiment.grid import Axis
    from genzoo.experiment.sweep import SweepRun

USAGE = """\
genzoo sweep MODEL DATASET --grid NAME=A,B,C [--grid …] [options]
       genzoo sweep MODEL DATASET --search NAME=A..B [--trials N] [options]
       genzoo sweep --config FILE.toml [options]"""
DESCRIPTION = """\
Train one model with every combination of some options, or with such as Optuna draws from ranges, and choose the best
by the validation data. Test data are not looked at, but for the chosen one at the end. Of a search, the best ones are
trained again with new seeds, and only these are shown. Any option of `genzoo run` may follow.
Finished runs are reused, so the same command continues an interrupted sweep.
A file for --config has, beside options of `genzoo run`, a table such as:
  [grid]
  beta = [1, 2, 4]"""
SEEDS = "0-2"
TABLES = ("grid", "search")
"""The tables of a configuration file that are not options of `genzoo run`."""


def add_verb(verbs: Any) -> None:
    """Add `sweep`. Model, dataset and the options of `genzoo run` are parsed in a second pass."""
    text = "try options of a model, choose by validation data"
    parser = verbs.add_parser("sweep", help=text, usage=USAGE, description=DESCRIPTION)
    parser.add_argument("--dataset", metavar="NAME", help="the dataset, if it is not the second word")
    parser.add_argument("--loss", metavar="NAME", help="the loss (default: the model's own)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="options and the grid from a TOML file")
    parser.add_argument(
        "--grid", action="append", default=[], metavar="NAME=A,B",
        help="an option and its values; may be repeated; between lists stands |: hidden=64,32|128",
    )  # fmt: skip
    parser.add_argument(
        "--search", action="append", default=[], metavar="NAME=A..B",
        help="instead of a grid: an option and its range, lr=1e-4..1e-2:log (by its logarithm), or its values, "
        "hidden=100|200; may be repeated; Optuna draws the values",
    )  # fmt: skip
    parser.add_argument(
        "--trials",
        type=int,
        metavar="N",
        help="how many are drawn, each with one seed that is not in --seeds (default: 20)",
    )
    parser.add_argument("--prune", action="store_true", help="end a trial that is worse than the median of others")
    parser.add_argument("--best", type=int, metavar="K", help="how many are trained with new seeds (default: 3)")
    parser.add_argument("--seeds", metavar="0-4", help="with both ends; or 0,2,7 (default: 0-2, of --search 1-3)")
    parser.add_argument(
        "--sort", metavar="METRIC",
        help="choose by this metric of the validation data (default: the first that all have, such as −ELBO); "
        "one that no run has by itself: --metrics NAME --sort NAME",
    )  # fmt: skip
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="folder of the runs (default: sweep/MODEL-DATASET)")
    add_data_root(parser)
    add_sharing(parser)
    add_formats(parser, "markdown", "csv")
    parser.set_defaults(handler=handle)


def handle(options: argparse.Namespace) -> int:
    """Check all options, train the runs that are missing and print the sheet."""
    from genzoo.runs.new_run import refuse_unwritable
    from genzoo.runs.run import RunPaths

    model = read_names(options)
    folder = options.runs or default_folder(model, options.dataset)
    refuse_unwritable(folder, None)
    refuse_jobs(options)
    tell_one_seed(options)
    if options.search:
        return search(options, model, folder)
    plan, looked_at = grid_plan(options, model)
    return made_and_chosen(options, plan, RunPaths(folder, None, options.data_root), looked_at)


def grid_plan(options: argparse.Namespace, model: str) -> tuple[list[SweepRun], str]:
    """Return the runs of a grid, all checked, and how many combinations it has."""
    axes = axes_of(options)
    from genzoo.experiment.grid import combinations

    every = combinations(axes)
    return planned(model, options, every, options.seeds or SEEDS), f"{len(every)} combination{'s' * (len(every) > 1)}"


def read_names(options: argparse.Namespace) -> str:
    """Take model and dataset from the words or the file, and the options of the file; return the model.

    Raises:
        UsageError: One of them is missing, or an option is not for this verb.
    """
    from genzoo.registry.current import registry
    from genzoo.registry.data_paths import refuse_path, refuse_path_alone

    refuse_blanks(options.command)
    words: list[str] = options.rest
    model = words.pop(0) if words and not words[0].startswith("-") else ""
    second = words.pop(0) if model and not options.dataset and words and not words[0].startswith("-") else ""
    options.dataset = options.dataset or second
    if options.config:
        named = read_file(options)
        model, options.dataset = model or named["model"], options.dataset or named["dataset"]
        options.loss = options.loss or named["loss"]
    for kind, name in (("model", model), ("dataset", options.dataset)):
        if not name:
            if kind == "dataset":
                refuse_path_alone(options.command, "sweep", model)
            known = listed(f"{kind}s", registry().names(kind), f"genzoo list --kind {kind}")  # type: ignore[arg-type]
            raise UsageError(f"which {kind}? genzoo sweep MODEL DATASET --grid NAME=A,B,C", known)
        if kind == "dataset":
            refuse_path(name, f"genzoo sweep {model}", options.command)
        registry().get(kind, name)  # type: ignore[arg-type]
    refuse_elsewhere(options.rest, "sweep", NOT_HERE, options.runs or default_folder(model, options.dataset))
    return model


def read_file(options: argparse.Namespace) -> dict[str, str]:
    """Take the options of `--config` and its tables, unless the command line has these; return its names.

    Raises:
        UsageError: It is not well-formed.
    """
    from genzoo.cli.run import from_values
    from genzoo.runs import config

    values = config.read_file(options.config)
    for table in TABLES:
        found = values.pop(table, {})
        if not isinstance(found, dict):
            raise UsageError(f"--config {options.config}: {table} is no table", f"write: [{table}]")
        if not getattr(options, table):
            setattr(options, table, [f"{name}={typed(value)}" for name, value in found.items()])
    seeds, trials = values.pop("seeds", None), values.pop("trials", None)
    options.seeds = options.seeds or (None if seeds is None else typed(seeds))
    options.trials = options.trials or (trials if isinstance(trials, int) else None)
    names, words = from_values(values, options.config)
    options.rest = [*words, *options.rest]
    return names


def typed(value: Any) -> str:
    """Return the value of a table as it is typed behind `--grid NAME=`; "|" stands between lists."""
    if not isinstance(value, list):
        return str(value).lower() if isinstance(value, bool) else str(value)
    apart = "|" if any(isinstance(one, list) for one in value) else ","
    return apart.join(",".join(map(str, one)) if isinstance(one, list) else typed(one) for one in value)


def axes_of(options: argparse.Namespace) -> list[Axis]:
    """Return the axes of the grid.

    Raises:
        UsageError: There are none, one is malformed, or its option has one value elsewhere.
    """
    from genzoo.experiment.grid import axis

    for name in ("trials", "best", "prune"):
        if getattr(options, name):
            raise UsageError(f"--{name} is for a search", "such as --search lr=1e-4..1e-2:log; or leave it out")
    if not options.grid:
        such = grid_of(options.command, options.rest) or "such as --grid beta=1,2,4"
        raise UsageError("which options? genzoo sweep MODEL DATASET --grid NAME=A,B,C", such)
    found = [axis(text) for text in options.grid]
    refuse_fixed(options, [one.option for one in found], "--grid")
    return found
