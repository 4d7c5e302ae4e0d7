"""genzoo bench: train several models under the same conditions and rank them."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.commas import take_names
from genzoo.cli.made_file import add_file, add_open, open_file, tell_left_out, tell_replaced
from genzoo.cli.sharing import add_sharing, made_and_published, refuse_jobs, tell_one_seed
from genzoo.cli.words import add_data_root, add_formats, add_sort, refuse_elsewhere
from genzoo.core.errors import GenzooError, UsageError, listed
from genzoo.core.text import names_in
from genzoo.figures.formats import PICTURES, either, is_picture
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from genzoo.comparison.leaderboard import Leaderboard
    from genzoo.runs.config import RunConfig
    from genzoo.runs.run import Run

USAGE = """\
genzoo bench MODEL,MODEL DATASET [options]
       genzoo bench --dataset DATASET [--models A,B] [options]"""
DESCRIPTION = """\
Train several models with the same seeds and options; compare quality, speed and size with baselines in one table.
Any option of `genzoo run` that all of them take may follow: --epochs 5 --latent-dim 10 --data.validation 1000.
Options of one model stand behind its name: --models "vae,ddpm --net perceptron --channels 8".
Finished runs are reused, so the same command continues an interrupted benchmark."""
NOT_HERE = {
    "--seed": "give all seeds: --seeds 0-4",
    "--out": "each run gets its own folder in --runs FOLDER",
    "--config": "give the options: genzoo bench --models A,B --dataset NAME --epochs 5 …",
    "--model": "give all models: --models A,B",
}


def add_verb(verbs: Any) -> None:
    """Add `bench`. The options of models and trainer are parsed in a second pass."""
    text = "train several models under the same conditions and rank them"
    parser = verbs.add_parser("bench", help=text, usage=USAGE, description=DESCRIPTION)
    parser.add_argument("--models", metavar="A,B", help="models to train (default: all that take the dataset)")
    parser.add_argument("--dataset", metavar="NAME", help="dataset to train on")
    parser.add_argument("--loss", metavar="NAME", help="one loss for all models (default: each model's own)")
    parser.add_argument("--seeds", default="0-2", metavar="0-4", help="with both ends; or 0,2,7 (default: 0-2)")
    parser.add_argument("--target", type=float, metavar="NATS", help="show the training time to this validation −ELBO")
    add_sort(parser)
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="folder of the runs (default: bench/DATASET)")
    add_file(parser, "--figure", metavar="FILE.png", help="picture (default: leaderboard.png in --runs)")
    add_open(parser, "the picture")
    add_data_root(parser)
    add_sharing(parser)
    add_formats(parser, "markdown", "csv", "html")
    parser.set_defaults(handler=handle)


def handle(options: argparse.Namespace) -> int:
    """Check all options, train the runs that are missing and print the leaderboard."""
    from genzoo.runs.new_run import refuse_unwritable

    take_names(options)
    if not options.dataset:
        from genzoo.registry.current import registry
        from genzoo.registry.data_paths import refuse_path_alone

        refuse_path_alone(options.command, "bench", options.models or "")
        known = listed("datasets", registry().names("dataset"), "genzoo list --kind dataset")
        raise UsageError(f"which dataset? genzoo bench {options.models or 'A,B'} DATASET", known)
    folder = options.runs or Path("bench") / options.dataset.rpartition("/")[2]
    refuse_unwritable(folder, None)
    refuse_jobs(options)
    tell_one_seed(options)
    picture = options.figure or folder / "leaderboard.png"
    refuse_picture(picture, options.figure is not None)
    models = requested_models(options, "bench", NOT_HERE)
    if not any(word.startswith("--metrics") for word in options.rest):
        refuse_sort(options.sort, ())  # at once; below, with what else is asked for
    from genzoo.experiment.sweep import parse_seeds  # imports torch

    seeds = parse_seeds(options.seeds)
    configs = usable_configs(options, models)
    refuse_sort(options.sort, configs[0].training.metrics)
    refuse_uncomputable(options, configs)
    return run_all(options, configs, seeds, folder, lambda runs: publish(options, runs, picture))


def run_all(
    options: argparse.Namespace,
    configs: Sequence[RunConfig],
    seeds: Sequence[int],
    folder: Path,
    publish: Callable[[list[Run]], None],
) -> int:
    """Train each configuration with each seed, unless the folder has the run, publish all, and return the exit code."""
    from genzoo.experiment.sweep import sweep_runs
    from genzoo.runs.run import RunPaths

    plan, paths = sweep_runs(configs, seeds), RunPaths(folder, None, options.data_root)
    return made_and_published(options, plan, paths, lambda runs: publish(list(runs.values())))


def say(text: str) -> None:
    """Print a line to standard error; only the leaderboard goes to standard output."""
    print(text, file=sys.stderr, flush=True)


def requested_models(options: argparse.Namespace, verb: str, not_here: Mapping[str, str]) -> list[str]:
    """Return the models to train: those of `--models`, each with its own options behind its name, or all.

    Raises:
        UsageError: A model or dataset is unknown, or an option is not for this verb: `not_here` says what to type.
    """
    from genzoo.registry.current import registry
    from genzoo.registry.data_paths import refuse_path

    command = f"genzoo {verb} {shlex.quote(options.models or 'A,B')}"
    refuse_path(options.dataset, command, options.command)
    registry().get("dataset", options.dataset)
    models = names_in(options.models or "")
    if options.models is not None and not models:
        known = listed("known", registry().names("model"), "genzoo list --kind model")
        raise UsageError(f"--models {options.models!r} names none", known)
    for name, *_ in map(words_of, models):
        registry().get("model", name)
    folder = getattr(options, "runs", None) or getattr(options, "out", None) or Path(verb) / options.dataset
    refuse_elsewhere([*options.rest, *(word for model in models for word in words_of(model))], verb, not_here, folder)
    return models or [registry().spelling(entry) for entry in registry().matching("model")]


def words_of(model: str) -> list[str]:
    """Return the name and the options of a model of `--models`.

    Raises:
        UsageError: A quotation mark is not closed.
    """
    try:
        return shlex.split(model)
    except ValueError as error:
        raise UsageError(f"--models: {model}: {error}", "write: --models 'A,B --option VALUE'") from None


def usable_configs(options: argparse.Namespace, models: list[str]) -> list[RunConfig]:
    """Return the configuration of each model, all checked before the first run starts.

    Without `--models`, a model that does not take the data or the options is left out.

    Raises:
        UsageError: A model of `--models` does not take the data or the options, or no model does.
    """
    configs, reasons = [], {}
    for model in dict.fromkeys(models):
        name, *own = words_of(model)
        try:
            configs.append(checked_config(name, options, own))
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


def checked_config(name: str, options: argparse.Namespace, own: Sequence[str] = ()) -> RunConfig:
    """Return the configuration of one model with its own options, after building the experiment to check it."""
    from genzoo.cli import options as command_line
    from genzoo.experiment.experiment import Experiment
    from genzoo.registry.current import registry
    from genzoo.runs import user_defaults
    from genzoo.runs.config import Components
    from genzoo.runs.run import RunPaths

    components = Components.find(registry(), name, options.dataset, options.loss or "")
    with command_line.hinted(components):
        defaults = user_defaults.words(("device", "listeners"))  # others would make results of one machine differ
        config = command_line.parse(components, defaults, [*options.rest, *own], "")
        return config if options.on else Experiment(config, RunPaths(), quiet=True).config  # another machine


def refuse_picture(path: Path, asked: bool) -> None:
    """Refuse the path of `--figure` if it cannot be written."""
    if asked and not is_picture(path):
        raise UsageError(f"--figure {path}: not {either(PICTURES)}", "name a file such as leaderboard.png")
    if asked and not (path.absolute().parent.is_dir() and os.access(path.absolute().parent, os.W_OK)):
        raise UsageError(f"--figure {path}: cannot write to {path.parent}", f"mkdir -p {path.parent}")


def refuse_sort(name: str | None, asked: Sequence[str]) -> None:
    """Refuse a metric that no run will have, or that has no order."""
    from genzoo.evaluation.order import key, metrics_near, of_every_run, refuse_unordered
    from genzoo.registry.current import registry

    known = (*of_every_run(registry()), *asked)
    if name and name not in known:
        if registry().called(name.partition(":")[0], ["metric"]):
            asked_for = ",".join([*asked, name])
            raise UsageError(f"--sort {name}: no run has it by itself", f"add it: --metrics {asked_for}")
        meant = metrics_near(name, known)
        raise UsageError(f"--sort {name}: no run has it{meant and '.'}{meant}", f"known: {', '.join(known)}")
    if name:
        refuse_unordered(key(name), f"--sort {name}", map(key, known))


def refuse_uncomputable(options: argparse.Namespace, configs: Sequence[RunConfig]) -> None:
    """Refuse a metric to sort by that is defined for none of the models on these data, before anything is trained."""
    from genzoo.evaluation.evaluate import find_metrics
    from genzoo.experiment.plan import Plan
    from genzoo.registry.current import registry
    from genzoo.system.distributed import ALONE

    if not options.sort or options.on:  # another machine may have what the model needs
        return
    (metric,) = find_metrics(registry(), [options.sort]).values()
    reasons = []
    for config in configs:
        plan = Plan(config, ALONE)
        if not (reason := metric.refuses(plan.build(plan.spec)[0])):
            return
        reasons.append(reason)
    raise UsageError(f"--sort {options.sort}: {reasons[0]}", "choose by another metric: genzoo list --kind metric")


def publish(options: argparse.Namespace, runs: list[Any], picture: Path) -> None:
    """Print the leaderboard and draw its picture."""
    from genzoo.cli.terminal import print_tables
    from genzoo.reporting.csv_tables import compared
    from genzoo.reporting.leaderboard import leaderboard_table
    from genzoo.reporting.tables import as_markdown

    leaderboards = boards(options, runs)
    drawn = draw(leaderboards, picture)
    if options.json:
        json_result(command=options.command, picture=drawn, tables=[board.record() for board in leaderboards])
        return
    if options.format == "html":
        print(as_html(leaderboards, f"Leaderboard on {options.dataset}", picture if drawn else None))
    elif options.format == "csv":
        print(compared([board.table for board in leaderboards]))
    elif options.format == "markdown":
        print(as_markdown([leaderboard_table(board) for board in leaderboards]))
    else:
        print_tables([leaderboard_table(board) for board in leaderboards])
    if drawn:
        say(f"figure    {picture}")
        tell_replaced(Path(picture), options)
        open_file(Path(picture), options)
    by = leaderboards[0].other_metric
    say(f"next      genzoo compare {shlex.quote(str(runs[0].path.parent))}{by and f' --sort {by}'}")


def as_html(leaderboards: list[Leaderboard], title: str, picture: Path | None) -> str:
    """Return the leaderboards as one HTML page, with the picture if there is one."""
    from genzoo.reporting.comparison_page import Figure, Section, page
    from genzoo.reporting.html import data_url
    from genzoo.reporting.leaderboard import leaderboard_table, warnings

    sections = [Section(leaderboard_table(board), warnings(board)) for board in leaderboards]
    return page(title, sections, [Figure(picture.stem, data_url(picture.read_bytes()))] if picture else [])


def boards(options: argparse.Namespace, runs: list[Any]) -> list[Leaderboard]:
    """Return a leaderboard for each protocol: the likelihoods of the models may differ."""
    from genzoo.comparison.leaderboard import Leaderboard
    from genzoo.comparison.ranking import ordered
    from genzoo.comparison.tables import tables

    return [Leaderboard(*ordered(table, options.sort), options.target) for table in tables(runs)]


def draw(leaderboards: list[Leaderboard], picture: Path) -> str | None:
    """Draw the leaderboard with most rows; return its path, or None after a warning if it could not be drawn."""
    from genzoo.evaluation.order import named
    from genzoo.figures.leaderboard import draw as draw_board
    from genzoo.figures.leaderboard import panel_metrics
    from genzoo.registry.entries import describe

    largest = max(leaderboards, key=lambda board: len(board.table.rows))
    if len(leaderboards) > 1:
        say(f"genzoo: the picture shows one of {len(leaderboards)} tables: {largest.table.protocol}")
    try:
        draw_board(picture, largest)
    except Exception as error:
        say(f"genzoo: the picture could not be drawn: {describe(error)}")
        return None
    for metric in panel_metrics(largest):
        tell_left_out(f"the picture's {named(metric)}", largest.table.without(metric))
    return str(picture)
