"""genzoo race: train models of all families for the same time and rank them by each thing that is measured."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.bench import refuse_picture, requested_models, run_all, say, usable_configs
from genzoo.cli.commas import take_names
from genzoo.cli.made_file import add_file, add_open, open_file, tell_replaced
from genzoo.cli.sharing import add_sharing, refuse_jobs, tell_one_seed
from genzoo.cli.words import RUNS_AS_CSV, add_data_root, add_formats
from genzoo.core.errors import GenzooError, UsageError, listed
from genzoo.core.listener import UNLIMITED
from genzoo.core.text import names_in, seconds_in
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from genzoo.comparison.race import Race
    from genzoo.registry.entries import Kind
    from genzoo.runs.config import RunConfig

DESCRIPTION = """\
Train several models for the same time on this machine, and rank them: by −ln p(x), probabilities and densities apart,
and by metrics of their samples. Models that are fitted in closed form and take the data are the baselines.
Any option of `genzoo run` that all of them take may follow: --binarize dynamic --batch-size 64.
Options of one model stand behind its name: --models "vae,ddpm --net perceptron --steps 25".
Finished runs are reused, so the same command continues a race that was interrupted or killed.
Options that depend on the number of steps, such as --schedule cosine, need the number of --epochs that the time is
enough for: without it training has no last epoch."""
NOT_HERE = {
    "--max-time": "give the time of each run: --budget 10m",
    "--seed": "give all seeds: --seeds 0-4",
    "--config": "give the options: genzoo race --models A,B --dataset NAME --budget 10m …",
    "--model": "give all models: --models A,B",
    "--csv": f"of what is made: genzoo compare {RUNS_AS_CSV} > FILE.csv",
    "--runs": "name the folder of all runs: --out FOLDER",
}


def add_verb(verbs: Any) -> None:
    """Add `race`. The options of models and trainer are parsed in a second pass."""
    parser = verbs.add_parser("race", help="train models for the same time and rank them", description=DESCRIPTION)
    parser.add_argument("--models", metavar="A,B", help="models to train")
    parser.add_argument("--dataset", metavar="NAME", help="dataset to train on")
    parser.add_argument("--budget", default="1m", metavar="10m", help="training time of each run (default: 1m)")
    parser.add_argument("--seeds", default="0-2", metavar="0-4", help="with both ends; or 0,2,7 (default: 0-2)")
    parser.add_argument("--baselines", metavar="A,B", help='fitted models to beat (default: all; "none" for none)')
    parser.add_argument("--metrics", metavar="A,B", help="more metrics to rank by: genzoo list --kind metric")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder of the runs (default: race/DATASET)")
    add_file(parser, "--figure", metavar="FILE.png", help="picture (default: race.png in --out)")
    add_open(parser, "the picture")
    add_data_root(parser)
    add_sharing(parser)
    add_formats(parser, "markdown", "html")
    parser.set_defaults(handler=handle, loss=None)


def handle(options: argparse.Namespace) -> int:
    """Check all options, train the runs that are missing and print the rankings."""
    from genzoo.runs.new_run import refuse_unwritable

    budget = refuse_unusable(options)
    folder = options.out or Path("race") / options.dataset.rpartition("/")[2]
    refuse_unwritable(folder, None)
    refuse_jobs(options)
    tell_one_seed(options)
    picture = options.figure or folder / "race.png"
    refuse_picture(picture, options.figure is not None)
    from genzoo.comparison.race import race
    from genzoo.experiment.sweep import parse_seeds  # imports torch

    seeds, (configs, metrics) = parse_seeds(options.seeds), entrants(options, budget)
    return run_all(options, configs, seeds, folder, lambda runs: publish(options, race(runs, metrics, budget), picture))


def refuse_unusable(options: argparse.Namespace) -> float:
    """Refuse a command without models, dataset or budget; return the budget in seconds.

    Raises:
        UsageError: Saying what to type.
    """
    take_names(options)
    how = f"genzoo race {options.models or 'A,B'} {options.dataset or 'DATASET'} --budget 10m"
    if not options.dataset or not options.models:
        from genzoo.registry.current import registry
        from genzoo.registry.data_paths import refuse_path_alone

        refuse_path_alone(options.command, "race", options.models or "")
        kind: Kind = "model" if options.dataset else "dataset"
        known = listed("known", registry().names(kind), f"genzoo list --kind {kind}")
        raise UsageError(f"which {'models' if options.dataset else 'dataset'}? {how}", known)
    try:
        budget = seconds_in(options.budget)
    except UsageError as error:
        raise UsageError(f"--budget: {error.message}", error.hint) from None
    if not budget:
        raise UsageError("--budget 0 is no time to train", how)
    return budget


def entrants(options: argparse.Namespace, budget: float) -> tuple[list[RunConfig], list[str]]:
    """Return the configurations of models and baselines, and the metrics to rank by, by their names in results.

    Raises:
        UsageError: A model, a metric or an option is unknown, or does not fit the data.
    """
    from genzoo.evaluation.order import key, of_every_run, raced_metrics, refuse_unordered
    from genzoo.registry.current import registry

    models = requested_models(options, "race", NOT_HERE)
    wanted = [*raced_metrics(), *names_in(options.metrics or "")]
    for name in names_in(options.metrics or ""):
        registry().get("metric", name.partition(":")[0])
        refuse_unordered(key(name), f"--metrics {name}", map(key, raced_metrics()))
    asked = [name for name in wanted if name not in of_every_run(registry())]
    given = any(word.partition("=")[0] == "--epochs" for word in options.rest)
    words = ["--max-time", f"{budget:g}", "--metrics", ",".join(asked)]
    options.rest = [*options.rest, *words, *([] if given else ["--epochs", str(UNLIMITED)])]
    configs = usable_configs(options, models)
    return [*configs, *baselines(options, [config.model for config in configs])], list(map(key, wanted))


def baselines(options: argparse.Namespace, entered: list[str]) -> list[RunConfig]:
    """Return the configurations of the models to beat: those of `--baselines`, or all that are fitted in closed form.

    Raises:
        UsageError: A model of `--baselines` is unknown or does not take the data or the options.
    """
    from genzoo.cli.bench import checked_config
    from genzoo.registry.current import registry

    if options.baselines is not None:
        names = [name for name in names_in(options.baselines) if name != "none"]
        return [checked_config(name, options) for name in names if name not in entered]
    found = []
    for entry in registry().matching("model"):
        try:
            if entry.name not in entered and entry.load().in_closed_form():
                found.append(checked_config(registry().spelling(entry), options))
        except GenzooError:  # it does not take the data, or is broken
            continue
    return found


def publish(options: argparse.Namespace, found: Race, picture: Path) -> None:
    """Draw the picture and print the rankings."""
    from genzoo.cli.terminal import print_tables
    from genzoo.figures.race import draw
    from genzoo.registry.entries import describe
    from genzoo.reporting.race import race_tables
    from genzoo.reporting.tables import as_markdown

    drawn = bool(found.contests)
    try:
        if drawn:
            draw(picture, found)
    except Exception as error:  # the tables are worth more
        drawn = False
        say(f"genzoo: the picture could not be drawn: {describe(error)}")
    if options.json:
        json_result(command=options.command, picture=picture if drawn else None, **found.record())
        return
    tables = race_tables(found)
    if options.format == "html":
        from genzoo.reporting.comparison_page import Figure, Section, page
        from genzoo.reporting.html import data_url

        figures = [Figure(picture.stem, data_url(picture.read_bytes()))] if drawn else []
        title = f"Race on {options.dataset}, {found.budget:g} s each"
        print(page(title, [Section(table) for table in tables], figures))
    elif options.format == "markdown":
        print(as_markdown(tables))
    else:
        print_tables(tables)
    if drawn:
        say(f"figure    {picture}")
        tell_replaced(picture, options)
        open_file(picture, options)
