"""What a grid and a search of `genzoo sweep` share: their configurations, their runs and the sheet."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genzoo.cli.bench import checked_config, refuse_sort, say
from genzoo.cli.sharing import shared_sweep
from genzoo.core.errors import UsageError
from genzoo.system.json_output import json_error, json_result

if TYPE_CHECKING:
    from genzoo.experiment.sweep import SweepRun
    from genzoo.runs.config import RunConfig
    from genzoo.runs.run import Run, RunPaths

NOT_HERE = {
    "--seed": "give all seeds: --seeds 0..2",
    "--out": "each run gets its own folder in --runs FOLDER",
    "--models": "a sweep is of one model; several models: genzoo bench --models A,B --dataset NAME",
}


def refuse_fixed(options: argparse.Namespace, varied: Sequence[str], flag: str) -> None:
    """Refuse to vary an option that has one value elsewhere, or that is no option of a sweep."""
    fixed = [word.partition("=")[0] for word in options.rest]
    for name in varied:
        if name in NOT_HERE:
            raise UsageError(f"{flag} {name.lstrip('-')} is not for sweep", NOT_HERE[name])
        if name in fixed:
            raise UsageError(f"{name} has one value and is in {flag} too", f"leave out {name} …, or {flag}")


def configured(model: str, options: argparse.Namespace, combination: Mapping[str, str]) -> RunConfig:
    """Return the configuration of one combination, after building the experiment to check it."""
    from genzoo.experiment.grid import words

    try:
        return checked_config(model, options, words(combination.items()))
    except UsageError as error:
        spelling = next((name for name in combination if f"{name} " in f"{error.message} "), None)
        error.message = error.message if spelling else f"{label(combination)}: {error.message}"
        raise


def label(combination: Mapping[str, str]) -> str:
    """Return a combination as text, such as "beta=2 latent-dim=10"."""
    return " ".join(f"{name.lstrip('-')}={value}" for name, value in combination.items())


def refuse_unjudged(options: argparse.Namespace, config: RunConfig) -> None:
    """Refuse a metric that no run will have, and data without a validation part."""
    refuse_sort(options.sort, config.training.metrics)
    if getattr(config.data_config, "validation", None) == 0:
        raise UsageError("there are no validation data to judge by", "hold examples out: --data.validation 1000")


def planned(tried: Mapping[str, RunConfig], seeds: Sequence[int]) -> list[SweepRun]:
    """Return the runs of some configurations, by their labels, with every seed."""
    from genzoo.experiment.sweep import sweep_runs

    return sweep_runs(tried.values(), seeds, list(tried))


def made_and_published(options: argparse.Namespace, plan: Sequence[SweepRun], paths: RunPaths, looked_at: str) -> int:
    """Make the missing runs of a plan, print the sheet, and return the exit code."""
    from genzoo.experiment.reuse import finished
    from genzoo.system.signals import exit_code

    try:
        runs, failures = shared_sweep(options, plan, paths)
    except KeyboardInterrupt as error:
        say_interrupted(options, f"{len(finished(plan, paths))} of {len(plan)} runs", paths.runs)
        return exit_code(error)
    json_result(failures=failures)
    if runs:
        names = {runs[one.key].path: one.label for one in plan if one.key in runs}
        publish(options, list(runs.values()), names, looked_at)
    for failure in failures:
        say(f"genzoo: no result for {failure}")
    return 3 if failures else 0


def say_interrupted(options: argparse.Namespace, done: str, folder: Path) -> None:
    """Say what is kept after an interruption, and how to go on."""
    again = shlex.join(["genzoo", *options.command])
    message = f"interrupted; {done} are finished and kept in {folder}"
    say(f"\ngenzoo: {message}\n  {again}")
    json_error(message, again, 130)


def publish(options: argparse.Namespace, runs: list[Run], names: Mapping[Path, str], looked_at: str) -> None:
    """Print the configurations, by what was tried in their runs, the best first."""
    from genzoo.cli.terminal import print_tables
    from genzoo.comparison.selection import selections
    from genzoo.evaluation.order import key
    from genzoo.reporting.selection import INTERVAL, selection_table
    from genzoo.reporting.tables import as_markdown

    found = selections(runs, key(options.sort or ""), names)
    json_result(command=options.command, looked_at=looked_at, tables=[one.record() for one in found])
    sheets = [selection_table(one, looked_at) for one in found]
    if options.format == "markdown":
        print(as_markdown(sheets))
    else:
        print_tables(sheets, INTERVAL)
