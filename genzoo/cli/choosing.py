"""What a grid and a search of `genzoo sweep` share: their configurations, their runs and the sheet."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genzoo.cli.bench import checked_config, refuse_sort, refuse_uncomputable
from genzoo.cli.sharing import made_and_published
from genzoo.core.errors import UsageError
from genzoo.core.text import options_text
from genzoo.system.json_output import json_result
from genzoo.system.streams import tell

if TYPE_CHECKING:
    from genzoo.comparison.selection import Selection
    from genzoo.experiment.sweep import SweepRun
    from genzoo.runs.config import RunConfig
    from genzoo.runs.run import Run, RunPaths

NOT_HERE = {
    "--seed": "give all seeds: --seeds 0-2",
    "--out": "each run gets its own folder in --runs FOLDER",
    "--models": "a sweep is of one model; several models: genzoo bench A,B DATASET",
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
        error.message = error.message if spelling else f"{options_text(plain(combination))}: {error.message}"
        raise


def plain(combination: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a combination by their names, such as {"beta": "2"}."""
    return {name.lstrip("-"): value for name, value in combination.items()}


def refuse_unjudged(options: argparse.Namespace, config: RunConfig) -> None:
    """Refuse a metric that no run will have, and data without a validation part."""
    refuse_sort(options.sort, config.training.metrics)
    if getattr(config.data_config, "validation", None) == 0:
        raise UsageError("there are no validation data to judge by", "hold examples out: --data.validation 1000")
    refuse_uncomputable(options, [config])


def planned(
    model: str, options: argparse.Namespace, combinations: Sequence[Mapping[str, str]], seeds: str
) -> list[SweepRun]:
    """Return the runs of some combinations with every seed, after all were checked."""
    from genzoo.experiment.sweep import parse_seeds, sweep_runs

    every = parse_seeds(seeds)
    configs = [configured(model, options, combination) for combination in combinations]
    refuse_unjudged(options, configs[0])
    return sweep_runs(configs, every, list(map(plain, combinations)))


def default_folder(model: str, dataset: str) -> Path:
    """Return the folder of a sweep's runs where none is named."""
    return Path("sweep") / "-".join(name.rpartition("/")[2] for name in (model, dataset))


def tried_in(plan: Sequence[SweepRun], runs: Mapping[str, Run]) -> dict[Path, Mapping[str, str]]:
    """Return the options that were tried in finished runs, by their paths."""
    return {runs[one.key].path: one.options for one in plan if one.key in runs}


def made_and_chosen(options: argparse.Namespace, plan: Sequence[SweepRun], paths: RunPaths, looked_at: str) -> int:
    """Make the missing runs of a plan, print the sheet, and return the exit code: not 0 if none can be chosen."""
    found: list[Selection] = []

    def show(runs: dict[str, Run]) -> None:
        found.extend(publish(options, list(runs.values()), tried_in(plan, runs), looked_at))

    code = made_and_published(options, plan, paths, show)
    if found and not any(one.best for one in found):
        metric = found[0].metric.replace("_", "-")
        tell(f"genzoo: none can be chosen: no run has {metric}\n  choose by another metric: --sort NAME")
        return code or 1
    return code


def publish(
    options: argparse.Namespace, runs: list[Run], tried: Mapping[Path, Mapping[str, str]], looked_at: str
) -> list[Selection]:
    """Print the configurations, by what was tried in their runs, the best first, and return them."""
    from genzoo.cli.terminal import print_tables
    from genzoo.comparison.selection import selections
    from genzoo.evaluation.order import key
    from genzoo.reporting.csv_tables import selected
    from genzoo.reporting.selection import INTERVAL, selection_table
    from genzoo.reporting.tables import as_markdown

    found = selections(runs, key(options.sort or ""), tried)
    json_result(command=options.command, looked_at=looked_at, tables=[one.record() for one in found])
    sheets = [selection_table(one, looked_at) for one in found]
    if options.format == "csv":
        print(selected(found))
    elif options.format == "markdown":
        print(as_markdown(sheets))
    else:
        print_tables(sheets, INTERVAL)
    return found
