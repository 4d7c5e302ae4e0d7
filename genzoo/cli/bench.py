"""genzoo bench: models trained alike, as one leaderboard."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError, UsageError

if TYPE_CHECKING:
    from genzoo.comparison.leaderboard import Leaderboard
    from genzoo.runs.config import RunConfig

DESCRIPTION = """\
Trains models alike, each with the same seeds, and puts quality, speed and size in one table beside baselines.
Any option of `genzoo run` that all of them take may follow: --epochs 5 --latent-dim 10 --data.validation 1000.
What is finished already is not run again, so the same command goes on where it was stopped."""
FORMATS = ("text", "markdown", "json", "html")
NOT_HERE = {
    "--seed": "bench takes several: --seeds 0..4",
    "--out": "each run has a folder of its own in --runs FOLDER",
    "--config": "type its options: genzoo bench --models A,B --dataset NAME --epochs 5 …",
    "--model": "name them all: --models A,B",
}


def add_verb(verbs: Any) -> None:
    """Adds `bench`. The options of models and trainer are parsed in a second pass."""
    text = "train models alike and rank them"
    parser = verbs.add_parser("bench", help=text, description=DESCRIPTION)
    parser.add_argument("--models", metavar="A,B", help="which; without it, all that take the dataset")
    parser.add_argument("--dataset", metavar="NAME", help="what to train on")
    parser.add_argument("--loss", metavar="NAME", help="one objective for all; without it, each model's own")
    parser.add_argument("--seeds", default="0..2", metavar="0..4", help="both ends included; or 0,2,7 (default: 0..2)")
    parser.add_argument("--target", type=float, metavar="NATS", help="also the training time to this validation −ELBO")
    parser.add_argument("--sort", metavar="METRIC", help="best first (default: the first figure that any row has)")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="where the runs are kept (default: bench/DATASET)")
    parser.add_argument("--figure", type=Path, metavar="FILE.png", help="(default: leaderboard.png beside the runs)")
    parser.add_argument("--data-root", type=Path, metavar="FOLDER", help="where raw data files lie")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    for name in FORMATS[1:]:
        parser.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=f"as {name}")
    parser.set_defaults(handler=handle, format="text")


def handle(options: argparse.Namespace) -> int:
    """Checks everything, runs what is missing, prints the leaderboard."""
    from genzoo.runs.run import RunPaths, refuse_unwritable
    from genzoo.system.signals import exit_code

    if not options.dataset:
        from genzoo.registry.current import registry

        known = ", ".join(registry().names("dataset"))
        raise UsageError("which dataset? genzoo bench --models A,B --dataset NAME", f"datasets: {known}")
    folder = options.runs or Path("bench") / options.dataset.rpartition("/")[2]
    refuse_unwritable(folder, None)
    picture = options.figure or folder / "leaderboard.png"
    refuse_picture(picture, options.figure is not None)
    models = named(options)
    refuse_sort(options.sort)
    from genzoo.experiment.sweep import finished, parse_seeds, run_sweep, sweep_runs  # and with them torch

    seeds = parse_seeds(options.seeds)
    configs = resolve(options, models)
    plan = sweep_runs(configs, seeds)
    paths = RunPaths(folder, None, options.data_root)
    try:
        made, failures = run_sweep(plan, paths, options.quiet, say)
    except KeyboardInterrupt as error:
        count = len(finished(plan, paths))
        again = shlex.join(["genzoo", *options.command])
        say(f"\ngenzoo: interrupted; {count} of {len(plan)} runs are finished and kept in {folder}\n  {again}")
        return exit_code(error)
    if made:
        publish(options, list(made.values()), picture)
    for failure in failures:
        say(f"genzoo: no result for {failure}")
    return 3 if failures else 0


def say(text: str) -> None:
    """A line on standard error; standard output carries the leaderboard alone."""
    print(text, file=sys.stderr, flush=True)


def named(options: argparse.Namespace) -> list[str]:
    """The models to train: those of `--models`, or all.

    Raises:
        UsageError: An unknown model or dataset, or an option that is not for `bench`.
    """
    from genzoo.registry.current import registry

    for word in options.rest:
        if (spelling := word.partition("=")[0]) in NOT_HERE:
            raise UsageError(f"{spelling} is not for bench", NOT_HERE[spelling])
    registry().get("dataset", options.dataset)
    models = [name.strip() for name in (options.models or "").split(",") if name.strip()]
    if options.models is not None and not models:
        raise UsageError(f"--models {options.models!r} names none", f"known: {', '.join(registry().names('model'))}")
    for name in models:
        registry().get("model", name)
    return models or [registry().spelling(entry) for entry in registry().matching("model")]


def resolve(options: argparse.Namespace, models: list[str]) -> list[RunConfig]:
    """The configuration of each model, after everything that can be refused has been refused.

    A model that was named must take the data and the options. Where none was, those that do not are left out.

    Raises:
        UsageError: Whatever the first run would be refused for, with the model's name.
    """
    configs, reasons = [], {}
    for name in dict.fromkeys(models):
        try:
            configs.append(resolved(name, options))
        except GenzooError as error:
            reasons[name] = error
            if options.models is not None:
                error.message = error.message if error.message.startswith(name) else f"{name}: {error.message}"
                raise
    if not configs:
        name, first = next(iter(reasons.items()))
        raise UsageError(f"no model takes these data and options; {name}: {first.message}", first.hint)
    for name, reason in reasons.items():
        say(f"left out: {name}: {reason.message}")
    return configs


def resolved(name: str, options: argparse.Namespace) -> RunConfig:
    """One model's configuration; the model has been built with it once."""
    from genzoo.cli import options as command_line
    from genzoo.experiment.experiment import Experiment
    from genzoo.registry.current import registry
    from genzoo.runs.config import Components
    from genzoo.runs.run import RunPaths

    components = Components.find(registry(), name, options.dataset, options.loss or "")
    with command_line.hinted(components):
        config = command_line.parse(components, [], list(options.rest), "")
        Experiment(config, RunPaths(), quiet=True)
    return config


def refuse_picture(path: Path, asked: bool) -> None:
    """Refuses a picture that could not be written in the end."""
    if asked and path.suffix != ".png":
        raise UsageError(f"--figure {path}: no .png", "name a file such as leaderboard.png")
    if asked and not (path.absolute().parent.is_dir() and os.access(path.absolute().parent, os.W_OK)):
        raise UsageError(f"--figure {path}: cannot write to {path.parent}", f"mkdir -p {path.parent}")


def refuse_sort(name: str | None) -> None:
    """Refuses a figure that no run will have."""
    from genzoo.evaluation.order import of_every_run
    from genzoo.registry.current import registry

    known = of_every_run(registry())
    if name and name not in known:
        raise UsageError(f"--sort {name}: no run has it", f"known: {', '.join(known)}")


def publish(options: argparse.Namespace, runs: list[Any], picture: Path) -> None:
    """Prints the leaderboard and draws its picture."""
    from genzoo.reporting import tables as sheets
    from genzoo.reporting.leaderboard import sheet
    from genzoo.runs.run import plain

    made = boards(options, runs)
    pictures = draw(made, picture)
    if options.format == "json":
        everything = {"command": options.command, "picture": pictures, "tables": [board.record() for board in made]}
        print(json.dumps(plain(everything), indent=2, allow_nan=False))
        return
    pages = [sheet(board) for board in made]
    if options.format == "html":
        print(sheets.as_html(pages, f"Leaderboard on {options.dataset}", picture if pictures else None))
    else:
        print(sheets.as_markdown(pages) if options.format == "markdown" else sheets.as_text(pages))
    if pictures:
        say(f"figure    {picture}")


def boards(options: argparse.Namespace, runs: list[Any]) -> list[Leaderboard]:
    """A board for each protocol: models of one command may differ in what their likelihood is."""
    from genzoo.comparison.leaderboard import Leaderboard
    from genzoo.comparison.tables import Estimate, tables
    from genzoo.evaluation.order import key

    made = []
    for table in tables(runs):
        names = table.metrics()
        had = [name for name in names if any(isinstance(row.estimate(name), Estimate) for row in table.rows)]
        if options.sort and key(options.sort) not in names:
            say(f"genzoo: no run of {table.protocol} has {options.sort}")
        figure = key(options.sort) if options.sort else (had or names)[0]
        made.append(Leaderboard(table.sorted_by(figure), figure, options.target))
    return made


def draw(made: list[Leaderboard], picture: Path) -> str | None:
    """Draws the board of most rows; returns where, None if it failed, which costs a warning and not the results."""
    from genzoo.figures.leaderboard import draw as draw_board
    from genzoo.registry.entries import describe

    largest = max(made, key=lambda board: len(board.table.rows))
    if len(made) > 1:
        say(f"genzoo: the picture shows one of {len(made)} tables: {largest.table.protocol}")
    try:
        draw_board(picture, largest)
    except Exception as error:
        say(f"genzoo: the picture could not be drawn: {describe(error)}")
        return None
    return str(picture)
