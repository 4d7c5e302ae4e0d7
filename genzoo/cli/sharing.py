"""What verbs that make many runs share: `--jobs`, `--worker` and `--on`, by which several processes make them."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from genzoo.cli.dry_run import asked_of, print_estimates
from genzoo.cli.launching import add_launching, launch, take_launcher
from genzoo.core.errors import UsageError
from genzoo.system.json_output import json_error, json_result
from genzoo.system.streams import tell

if TYPE_CHECKING:
    from genzoo.experiment.sweep import SweepRun
    from genzoo.runs.config import RunConfig
    from genzoo.runs.run import Run, RunPaths

MOST_JOBS = 1000


def add_sharing(parser: argparse.ArgumentParser) -> None:
    """Add `--dry-run`, `--jobs`, `--worker` and `--on`."""
    parser.add_argument(
        "--dry-run", action="store_true", help="train each for seconds, and say what all runs that are missing take"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N",
        help="make the runs by N processes here, each with its share of the cores and GPUs; speeds are then measured "
        "side by side (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--worker", action="store_true",
        help="make runs that no other process makes until none is free, and print them; any number of workers may "
        "share the folder, on any machines; the command without it prints the result",
    )  # fmt: skip
    add_launching(parser)
    parser.add_argument("--workers", type=int, metavar="N", help="with --on: how many workers to start (default: 1)")


def tell_one_seed(options: argparse.Namespace) -> None:
    """Say that `--seeds 3` is one seed, and how several are spelled."""
    if re.fullmatch(r"[2-9]|[1-9]\d", options.seeds or "", flags=re.ASCII) and not options.worker:
        tell(f"one seed, {options.seeds}; {options.seeds} seeds: --seeds 0-{int(options.seeds) - 1}")


def refuse_jobs(options: argparse.Namespace) -> None:
    """Refuse a number of jobs or workers that cannot be, and find the launcher, which starts workers.

    Raises:
        UsageError: Saying what to type.
    """
    if not 1 <= options.jobs <= MOST_JOBS:
        raise UsageError(f"--jobs {options.jobs}: not from 1 to {MOST_JOBS:,}", "such as the number of cores: --jobs 4")
    if options.workers is not None and not options.on:
        raise UsageError("--workers is for workers elsewhere: --on LAUNCHER", "in processes here: --jobs N")
    options.workers = 1 if options.workers is None else options.workers
    if not 1 <= options.workers <= MOST_JOBS:
        raise UsageError(f"--workers {options.workers}: not from 1 to {MOST_JOBS:,}", "such as --workers 8")
    options.launcher = take_launcher(options)
    options.worker |= options.launcher is not None


def shared_sweep(
    options: argparse.Namespace, plan: Sequence[SweepRun], paths: RunPaths
) -> tuple[dict[str, Run], list[str]]:
    """Make the missing runs of a plan, with `--jobs` by worker processes first; see `run_sweep`.

    Raises:
        KeyboardInterrupt: Finished runs stay, and those at hand are resumed next time.
    """
    from genzoo.experiment.sweep import run_sweep

    configs = [planned.config for planned in plan]
    said = (lambda line: None) if options.quiet else tell
    return run_sweep(plan, paths, options.quiet, said, lambda left: start_workers(options, left, configs))


def start_workers(options: argparse.Namespace, left: int, configs: Iterable[RunConfig]) -> None:
    """Start the workers of `--jobs`, if it asks for several, and wait for their end.

    Args:
        options: Those of the verb.
        left: How many runs are to be made.
        configs: Their configurations.

    Raises:
        KeyboardInterrupt: All have ended.
    """
    if options.jobs == 1:
        return
    from genzoo.experiment.jobs import run_workers

    deal = not any(":" in config.training.device for config in configs)  # one of the GPUs was named
    command = [word for word in options.command if word != "--json"]
    run_workers([*command, "--worker", "--quiet"], min(options.jobs, left), tell, deal)


def made_and_published(
    options: argparse.Namespace, plan: Sequence[SweepRun], paths: RunPaths, publish: Callable[[dict[str, Run]], None]
) -> int:
    """Make the missing runs of a plan, publish all, tell of those that failed, and return the exit code.

    With `--worker` or `--on` nothing is published: others do that.

    Args:
        options: Those of the verb.
        plan: The runs.
        paths: `runs` is the folder.
        publish: Takes the finished runs by their keys, if there are any.
    """
    from genzoo.experiment.reuse import finished

    if options.dry_run:
        return print_estimates(options, asked_of(plan, paths))
    if options.worker:
        return work(options, plan, paths)
    try:
        runs, failures = shared_sweep(options, plan, paths)
    except KeyboardInterrupt as error:
        return interrupted(options, error, f"{len(finished(plan, paths))} of {len(plan)} runs", paths)
    if runs:
        publish(runs)
    json_result(failures=failures)
    for failure in failures:
        tell(f"genzoo: no result for {failure}")
    return 3 if failures else 0


def interrupted(options: argparse.Namespace, error: KeyboardInterrupt, done: str, paths: RunPaths) -> int:
    """Say what is kept after an interruption, and how to go on; return the exit code."""
    from genzoo.system.signals import exit_code

    message, again = (
        f"interrupted; {done} are finished and kept in {paths.runs}",
        shlex.join(["genzoo", *options.command]),
    )
    tell(f"\ngenzoo: {message}\n  {again}")
    json_error(message, again, exit_code(error))
    return exit_code(error)


def work(options: argparse.Namespace, plan: Sequence[SweepRun], paths: RunPaths) -> int:
    """Make what is free of a plan, print a line for each run that was made, and return the exit code.

    With `--on`, workers that do so are started elsewhere, and not waited for.
    """
    if options.launcher:
        told = f"{len(plan)} runs go to {paths.runs}; for the result, type the same without --on"
        return launch(options.launcher, options, ["--worker"], options.workers, told)
    from genzoo.experiment.jobs import end_with_parent
    from genzoo.experiment.worker import Worker
    from genzoo.system.signals import exit_code

    end_with_parent()

    def silent(line: str) -> None:
        """Say nothing: the process that started this one tells of failures."""

    worker = Worker(plan, paths, options.quiet, silent if options.quiet else tell, lambda line: print(line, flush=True))
    try:
        worker.make_free_runs()
    except KeyboardInterrupt as error:
        return exit_code(error)
    done = {"finished": len(worker.runs), "planned": len(plan), "held": len(worker.held)}
    json_result(**done, failures=list(worker.failures.values()))
    if not options.quiet:
        others = f", {len(worker.held)} are made by others" if worker.held else ""
        tell(f"nothing is left free: {len(worker.runs)} of {len(plan)} runs are finished{others}")
    return 3 if worker.failures else 0
