"""genzoo run: train a model, evaluate it and draw figures."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.launching import add_launching, launch, take_launcher
from genzoo.cli.made_file import add_open, open_file
from genzoo.cli.words import add_data_root
from genzoo.core.errors import UsageError, did_you_mean, listed
from genzoo.system.json_output import json_error, json_result

if TYPE_CHECKING:
    from genzoo.core.launcher import Launcher
    from genzoo.experiment.experiment import Experiment
    from genzoo.runs.run import Run

USAGE = """\
genzoo run MODEL DATASET [--loss NAME] [options]
       genzoo run --config FILE [options]"""

DESCRIPTION = """\
Train any registered model on any registered dataset, evaluate it and draw figures.
All options of a model, its loss, its dataset and the trainer: genzoo run MODEL DATASET --help"""


def add_verb(verbs: Any) -> None:
    """Add `run`. Model, loss and dataset have options of their own, which are parsed in a second pass."""
    parser = verbs.add_parser(
        "run", help="train a model, evaluate it and draw figures", usage=USAGE, description=DESCRIPTION, add_help=False
    )
    parser.add_argument("--dataset", metavar="NAME", help="the dataset, if it is not the second word")
    parser.add_argument("--loss", metavar="NAME", help="the loss (default: the model's own)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="options from a TOML file, or those of a run")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="parent folder (default: runs/)"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="the run folder; it must not exist")
    parser.add_argument("--or-resume", action="store_true", help="go on with the run in --out, if there is one")
    add_data_root(parser)
    parser.add_argument("--profile", action="store_true", help="profile some training steps")
    add_open(parser, "the report")
    parser.add_argument("--dry-run", action="store_true", help="train for seconds, and say what the whole run takes")
    add_launching(parser)
    parser.add_argument("-h", "--help", action="store_true", help="show this message, or all options of MODEL")
    parser.set_defaults(handler=handle, parser=parser)


def handle(options: argparse.Namespace) -> int:
    """Resolve names and options, train, print."""
    from genzoo.registry.current import registry
    from genzoo.registry.data_paths import refuse_path, refuse_path_alone
    from genzoo.runs import user_defaults
    from genzoo.runs.config import Components
    from genzoo.runs.new_run import refuse_unwritable

    words: list[str] = options.rest
    model = words.pop(0) if words and not words[0].startswith("-") else ""
    second = words.pop(0) if model and not options.dataset and words and not words[0].startswith("-") else ""
    dataset, loss = options.dataset or second, options.loss or ""
    file_words = user_defaults.words()
    if options.config:
        options.config = config_file(options.config)
        named, of_file = from_file(options.config)
        file_words += of_file
        model, dataset, loss = model or named["model"], dataset or named["dataset"], loss or named["loss"]
    if options.help and not model:
        options.parser.print_help()
        return 0
    if not model:
        known = listed("models", registry().names("model"), "genzoo list --kind model")
        raise UsageError("which model? genzoo run MODEL --dataset NAME", known)
    if options.help:
        print(all_options(options, model, dataset, loss), end="")
        return 0
    if not dataset:
        refuse_path_alone(options.command, "run", model)
        known = listed("datasets", registry().names("dataset"), "genzoo list --kind dataset")
        typo = next((f", not {word}" for word in words if did_you_mean(word, ["--dataset"])), "")
        raise UsageError(f"which dataset? genzoo run {model} --dataset NAME{typo}", known)
    file = str(options.config or "")
    launcher = take_launcher(options)
    if not options.or_resume:
        refuse_unwritable(options.runs, options.out)
    refuse_path(dataset, f"genzoo run {model}", options.command)
    components = Components.find(registry(), model, dataset, loss)
    from genzoo.cli import options as command_line

    with command_line.hinted(components):
        config = command_line.parse(components, file_words, options.rest, file)
        return launch_run(launcher, config, options) if launcher else start(config, options)


def launch_run(launcher: Launcher, config: Any, options: argparse.Namespace) -> int:
    """Start a run elsewhere, as a command that may be repeated: it has a folder, and goes on with what is there."""
    from genzoo.runs.new_run import make_folder

    out = options.out or make_folder(options.runs, None, config.model, config.dataset)
    words = [] if options.out else ["--out", str(out)]
    return launch(launcher, options, [*words, *([] if options.or_resume else ["--or-resume"])], 1, f"run folder {out}")


def config_file(path: Path) -> Path:
    """Return the file that `--config` names: of a run, by its folder, its name or as @last, its config.json."""
    from genzoo.comparison.references import find

    if path.is_file():
        return path
    try:
        return find(str(path)).path / "config.json"
    except UsageError:
        return path


def from_file(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return the names in a configuration file, and its other options as words of the command line."""
    from genzoo.runs.config import read_file

    return from_values(read_file(path), path)


def from_values(values: dict[str, Any], path: Path) -> tuple[dict[str, str], list[str]]:
    """Return the names in the tables of a configuration file, and its other options as words of the command line."""
    from genzoo.runs.config import to_arguments

    words = to_arguments(values, str(path))
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False, exit_on_error=False)
    for name in ("model", "dataset", "loss"):
        parser.add_argument(f"--{name}", default="")
    try:
        named, rest = parser.parse_known_args(words)
    except argparse.ArgumentError as error:
        raise UsageError(f"--config {path}: {error}", 'write it as: model = "NAME"') from None
    return vars(named), rest


def some_dataset() -> str:
    """Return a dataset for the help of a model without `--dataset`."""
    from genzoo.registry.current import registry

    datasets = registry().names("dataset")
    return "digits" if "digits" in datasets else datasets[0]


def all_options(options: argparse.Namespace, model: str, dataset: str, loss: str) -> str:
    """Return the help of a model, with all options; without a dataset those of some dataset."""
    from genzoo.cli.terminal import rendered

    def show() -> None:
        from genzoo.cli.help_page import help_page
        from genzoo.registry.current import registry
        from genzoo.runs.config import Components

        components = Components.find(registry(), model, dataset or some_dataset(), loss)
        print(help_page(options.parser, components, dataset or "DATASET"), end="")

    return rendered(["help", model, dataset, loss], show)


def start(config: Any, options: argparse.Namespace) -> int:
    """Run a configuration and print the results; with `--dry-run` only what it would take."""
    if options.dry_run:
        from genzoo.cli.dry_run import print_estimate

        return print_estimate(config, options)
    from genzoo.experiment.or_resume import run_new, run_or_resume
    from genzoo.registry.plugin_faults import exit_code_of
    from genzoo.runs.run import RunPaths
    from genzoo.system.distributed import joined

    paths = RunPaths(options.runs, options.out, options.data_root, options.profile)
    with joined(exit_code_of) as processes:
        make = run_or_resume if options.or_resume else run_new
        experiment, run = make(config, paths, options.quiet or options.json, processes)
        code = int(processes.broadcast_object(str(print_outcome(run, experiment, options)) if run else ""))
        if code:
            processes.ignore_sigterm()
        return code


def print_outcome(run: Run, experiment: Experiment, options: argparse.Namespace) -> int:
    """Print the results of a run, or how to resume it; return the exit code."""
    from genzoo.core.listener import INTERRUPTED, STOPPED
    from genzoo.reporting.course import course
    from genzoo.reporting.format import impossible_gaps
    from genzoo.runs.run import REPORT_FILE
    from genzoo.system.messages import warn

    status = str(run.record["status"])
    if status == INTERRUPTED or status.startswith(STOPPED):
        files = [word for file in options.plugin_files for word in ("-p", file)]
        data = ["--data-root", options.data_root] if options.data_root else []
        command = shlex.join(map(str, ["genzoo", *files, "resume", run.path, *data]))
        print(f"genzoo: {status}; resume it:\n  {command}", file=sys.stderr)
        if status != INTERRUPTED:
            return 0
        code = 128 + (experiment.stopped_by or signal.SIGINT)
        json_error("interrupted; resume it", command, code)
        return code
    if options.json:
        json_result(run=run.path, **run.results)
        for line in impossible_gaps(run.results):
            warn(line, f"genzoo check {experiment.config.model} examines it")
    else:
        watched = experiment.config.components.loss.load().watched
        print_results(run, experiment.plan.metrics, options.runs, course(run.history, watched))
    if (report := run.path / REPORT_FILE).exists():
        open_file(report, options)
    return 0


def print_results(run: Any, metrics: Any, root: Path, course: str) -> None:
    """Print the results table, the course of the training, the paths of figures and report, and what to type next."""
    from genzoo.cli.terminal import print_commands, print_table, print_text
    from genzoo.comparison.references import default_runs, find
    from genzoo.core.text import gigabytes
    from genzoo.reporting.format import not_available, notes, results_rows
    from genzoo.runs.run import REPORT_FILE

    results = run.results
    training = results["training"]
    print_table(results_rows(results, metrics))
    for note in [*not_available(results, metrics), *notes(results), *([course] if course else [])]:
        print_text(note, indent=2)
    speed, seconds = f"{training['images_per_second']:,.0f} images/s", f"{training['seconds']:.0f} s of training"
    print_text(f"{speed} · {seconds} · peak memory {gigabytes(training['peak_memory'])}", indent=2)
    if left := training["examples"] - training["examples_per_epoch"]:
        share = training["examples_per_epoch"] / training["examples"]
        why = f"{left:,} of {training['examples']:,} examples, others each time, do not fill a batch"
        print_text(f"each epoch used {share:.1%} of the training data: {why}", indent=2)
    drawn = ", ".join(sorted({path.stem for path in (run.path / "figures").glob("*.*")}))
    own = root == default_runs() and run.path.parent == root
    where = "@last" if own and find("@last", root).path.resolve() == run.path.resolve() else run.path
    print_text(f"figures   {run.path}/figures/ ({drawn})")
    if (run.path / REPORT_FILE).exists():
        print(f"report    {run.path}/{REPORT_FILE}")
    others = [file for file in run.path.parent.glob("*/results.json") if file.parent != run.path]
    folder = "" if run.path.parent == default_runs() else f" {run.path.parent}"
    print_commands([f"genzoo sample {where}", f"genzoo compare{folder}" if others else f"genzoo evaluate {where}"])
