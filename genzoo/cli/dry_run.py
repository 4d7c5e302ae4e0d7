"""`--dry-run`: what one run or many would take, from seconds of real steps. Nothing is stored."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError
from genzoo.core.text import counted, duration, gigabytes
from genzoo.system.json_output import json_result
from genzoo.system.progress import working

if TYPE_CHECKING:
    from genzoo.experiment.dry_run import Estimate
    from genzoo.experiment.sweep import SweepRun
    from genzoo.runs.config import RunConfig
    from genzoo.runs.run import RunPaths


def print_estimate(config: RunConfig, options: argparse.Namespace) -> int:
    """Print what a run would take, and which of its options are not the defaults."""
    from genzoo.cli.terminal import print_table
    from genzoo.experiment.dry_run import estimate

    found = estimate(config, options.data_root)
    changed = config.changed()
    json_result(**asdict(found), options=changed)
    rows = {"run": f"{config.model} with loss {config.loss} on {config.dataset}"}
    rows["options"] = " ".join(f"{name} {value}" for name, value in changed.items()) or "all at their defaults"
    rows["model"] = f"{found.parameters:,} parameters, {found.device}, {found.mode}"
    length = f"{counted(found.epochs, 'epoch')} of {found.examples:,} examples, {found.steps:,} steps"
    rows["training"] = length if found.steps else f"{found.examples:,} examples"
    if found.few_steps:
        rows["few steps"] = found.few_steps
    if found.steps:
        rows["time"] = f"about {duration(found.seconds)}, by {found.tried:,} steps; then evaluation and figures"
    rows["memory"] = gigabytes(found.memory)
    rows["disk"] = f"{gigabytes(found.disk)} of model and checkpoints, and the figures"
    print_table([list(row) for row in rows.items()], left=2, header=False)
    return 0


@dataclass(frozen=True)
class Asked:
    """Runs of one configuration that a command asks for."""

    name: str
    """The model, and what its other rows have differently."""
    config: RunConfig
    planned: int
    left: int
    """How many of them are still to be made."""


def asked_of(plan: Sequence[SweepRun], paths: RunPaths) -> list[Asked]:
    """Return the configurations of a plan, whatever the seed, with the numbers of their runs."""
    from genzoo.experiment.sweep import sweep_runs
    from genzoo.experiment.worker import Worker

    worker = Worker(plan, paths, quiet=True)
    same: dict[str, list[SweepRun]] = {}
    for one in plan:
        (of_any_seed,) = sweep_runs([one.config], [0])
        same.setdefault(of_any_seed.key, []).append(one)
    return [
        Asked(runs[0].label, runs[0].config, len(runs), sum(not worker.is_there(one) for one in runs))
        for runs in same.values()
    ]


def print_estimates(options: argparse.Namespace, every: Sequence[Asked]) -> int:
    """Print what the runs that are still to be made would take; return 3 if a configuration cannot be trained."""
    from genzoo.cli.terminal import print_table, print_text
    from genzoo.comparison.identity import as_key
    from genzoo.experiment.dry_run import estimate

    found: list[tuple[Asked, Estimate]] = []
    known: dict[str, Estimate] = {}  # the trials of a search and its best runs have one configuration
    failures = []
    for number, asked in enumerate(every, start=1):
        working(f"{asked.name}, {number} of {len(every)}")
        try:
            config = as_key(asked.config.to_json())
            known[config] = known.get(config) or estimate(asked.config, options.data_root)
            found.append((asked, known[config]))
        except GenzooError as error:
            failures.append(f"{asked.name}: {error.message}")
    seconds = sum(asked.left * one.seconds for asked, one in found)
    disk = sum(asked.left * one.disk for asked, one in found)
    planned, left = (sum(getattr(asked, name) for asked in every) for name in ("planned", "left"))
    rows = [as_record(*one) for one in found]
    json_result(rows=rows, planned=planned, left=left, seconds=seconds, disk=disk, failures=failures)
    header = ["run", "to make", "steps", "each", "memory", "parameters"]
    cells = [
        [
            asked.name,
            f"{asked.left} of {asked.planned}",
            f"{one.steps:,}" if one.steps else "none",
            duration(one.seconds) if one.steps else "one pass",
            gigabytes(one.memory),
            f"{one.parameters:,}",
        ]
        for asked, one in found
    ]
    if cells:
        print_table([header, *cells])
    for few in dict.fromkeys(one.few_steps for _, one in found if one.few_steps):
        print_text(few, indent=2)
    for failure in failures:
        print_text(f"cannot be trained: {failure}", indent=2)
    print_text(
        f"{left} of {counted(planned, 'run')} to make: about {duration(seconds)} of training, one after another; "
        f"then evaluation and figures. {gigabytes(disk)} of models and checkpoints.",
    )
    return 3 if failures else 0


def as_record(asked: Asked, found: Estimate) -> dict[str, Any]:
    """Return a row for `--json`."""
    return {"run": asked.name, "planned": asked.planned, "left": asked.left, **asdict(found)}
