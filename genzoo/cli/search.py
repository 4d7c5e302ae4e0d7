"""genzoo sweep --search: Optuna draws the options of trials; the best ones are trained again with new seeds."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from genzoo.cli.bench import say
from genzoo.cli.choosing import configured, made_and_chosen, plain, planned, refuse_fixed, refuse_unjudged
from genzoo.cli.dry_run import Asked, asked_of, print_estimates
from genzoo.cli.sharing import interrupted, start_workers
from genzoo.core.errors import UsageError
from genzoo.core.text import options_text

if TYPE_CHECKING:
    from genzoo.experiment.search import Search
    from genzoo.experiment.sweep import SweepRun

TRIALS, BEST, SEEDS = 20, 3, "1-3"


def search(options: argparse.Namespace, model: str, folder: Path) -> int:
    """Make the trials that are missing, train the best again, print the sheet, and return the exit code."""
    from genzoo.system.signals import exit_code

    found = prepared(options, model, folder)
    if options.dry_run:
        return print_estimates(options, asked_of_search(options, model, found))
    try:
        make_trials(options, found)
    except KeyboardInterrupt as error:
        if options.worker:
            return exit_code(error)
        found.look()
        return interrupted(options, error, f"{len(found.outcomes)} of {found.trials} trials", found.paths)
    if found.held:  # a worker leaves those to others
        return 0
    plan = best_plan(options, model, found)
    if not plan:
        say(f"genzoo: none of {found.looked_at()} has a result")
        return 3
    return made_and_chosen(options, plan, found.paths, found.looked_at())


def prepared(options: argparse.Namespace, model: str, folder: Path) -> Search:
    """Return a search, after all of it was checked."""
    from genzoo.evaluation.order import key
    from genzoo.experiment.dimensions import dimension
    from genzoo.experiment.search import Search, refuse_without_optuna
    from genzoo.experiment.sweep import parse_seeds
    from genzoo.runs.run import RunPaths

    refuse_odd(options)
    dimensions = [dimension(text) for text in options.search]
    refuse_fixed(options, [one.option for one in dimensions], "--search")
    again = parse_seeds(options.seeds or SEEDS)
    refuse_without_optuna()
    found = Search(
        dimensions,
        lambda combination: configured(model, options, combination),
        options.trials or TRIALS,
        RunPaths(folder, None, options.data_root),
        next(seed for seed in itertools.count() if seed not in again),
        key(options.sort or ""),
        options.prune,
        options.quiet,
        (lambda line: None) if options.quiet else say,
        (lambda line: print(line, flush=True)) if options.worker else say,
    )
    refuse_unjudged(options, found.base)
    return found


def best_plan(options: argparse.Namespace, model: str, found: Search) -> list[SweepRun]:
    """Return the runs of the best trials with new seeds; none if no trial has a result."""
    best = found.best(options.best or BEST)
    return planned(model, options, best, options.seeds or SEEDS) if best else []


def asked_of_search(options: argparse.Namespace, model: str, found: Search) -> list[Asked]:
    """Return the trials that are still to be drawn and the runs of the best ones, as if all had the first values."""
    from genzoo.experiment.sweep import parse_seeds

    found.look()
    left = found.trials - len(found.outcomes)
    if not left:
        return asked_of(best_plan(options, model, found), found.paths)
    again = (options.best or BEST) * len(parse_seeds(options.seeds or SEEDS))
    name = f"{model} {options_text(plain(found.first))}"
    return [
        Asked(f"trials, as {name}", found.base, found.trials, left),
        Asked("the best again", found.base, again, again),
    ]


def refuse_odd(options: argparse.Namespace) -> None:
    """Refuse a search beside a grid, and numbers that cannot be.

    Raises:
        UsageError: Saying what to type.
    """
    if options.grid:
        raise UsageError("a sweep is a grid or a search, not both", "leave --grid or --search out")
    for name, value in (("trials", options.trials), ("best", options.best)):
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value} is less than 1", "such as --trials 20 --best 3")


def make_trials(options: argparse.Namespace, found: Search) -> None:
    """Make the trials that are missing: a worker what is free, the command without `--worker` all.

    Raises:
        KeyboardInterrupt: Finished trials stay.
    """
    from genzoo.experiment.sweep import reused

    if options.worker:
        from genzoo.experiment.jobs import end_with_parent

        end_with_parent()
        found.make_free_trials()
        return
    found.look()
    if found.outcomes and not options.quiet:
        found.say(reused(len(found.outcomes), found.trials, "trial"))
    if left := found.trials - len(found.outcomes):
        start_workers(options, left, [found.base])
    found.make_and_wait()
