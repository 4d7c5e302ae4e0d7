"""Find a run by a path, by @last or @best:METRIC, or by the beginning of its name; pin the runs that options name."""

from __future__ import annotations

import bisect
import dataclasses
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genzoo.comparison.best import best
from genzoo.comparison.differences import options_apart
from genzoo.comparison.tables import collect
from genzoo.core.calls import written
from genzoo.core.errors import UsageError
from genzoo.core.options import option
from genzoo.core.run_reference import parse_pinned, run_references
from genzoo.core.text import duration
from genzoo.runs import user_defaults
from genzoo.runs.claims import FOLDER as CLAIMS
from genzoo.runs.overview import Overview, run_folders, runs_beside
from genzoo.runs.reference import pin, verified
from genzoo.runs.run import MODEL_FILE, Run, refuse_without
from genzoo.runs.unfinished import warn_if_unfinished

if TYPE_CHECKING:
    from genzoo.core.model import Model
    from genzoo.runs.config import RunConfig


RUNS = Path("runs")
"""The folder of runs, if none is named."""
MOST_TOLD, MOST_DIFFERENCES = 8, 4
"""Runs, and options in which they differ, that a message lists where a name means several runs."""


def default_runs() -> Path:
    """Return the folder of runs of a command that names none: the user's default, or `RUNS`."""
    return user_defaults.folder("runs") or RUNS


def places(root: Path = RUNS) -> list[Path]:
    """Return the folders in which runs are looked up by name: a folder of runs.

    For the default one also those of sweeps, and the runs of `--out`, beside it.
    """
    if root not in (RUNS, default_runs()):
        return [root]
    return [root, *map(Path, ("bench", "race", "sweep", "reproduce")), *runs_beside(root)]


def find(reference: str, root: Path = RUNS) -> Run:
    """Return the run of a reference: a path, @last, @best:METRIC, or the unique beginning of its name or its last part.

    @best:METRIC@DATASET is the best of the runs on one dataset.
    A pinned reference, as in a configuration, is a path with the digest of the run's model.

    Raises:
        UsageError: There is no such run, there are several, or a pinned one has another model.
    """
    if pinned := parse_pinned(reference):
        return Run(verified(pinned))
    if os.path.isfile(Path(reference) / "config.json"):
        return Run(Path(reference))
    if os.path.basename(reference) == MODEL_FILE and os.path.isfile(Path(reference).parent / "config.json"):
        return Run(Path(reference).parent)
    if os.sep in reference and os.path.exists(reference):
        raise no_run(reference, root)
    runs = run_folders(places(root))
    if not runs:
        raise UsageError(f"no runs in {root}/", "train a model: genzoo run …, or name their folder: --runs FOLDER")
    if reference in ("@best", "@best:"):
        raise UsageError("@best: by which metric?", "the run with the best validation MSE: @best:mse")
    if reference.startswith("@best:"):
        return best(root, reference.removeprefix("@best:"))
    if reference == "@last":
        return Run(max(runs, key=_started))
    folder, name = os.path.split(reference)
    inside = run_folders([Path(folder)]) if folder else runs
    matching = [p for p in inside if p.name.startswith(name) or p.name.rpartition("-")[2].startswith(name)]
    if len(matching) == 1:
        return Run(matching[0])
    if matching:
        latest = sorted(matching, key=_started, reverse=True)[:MOST_TOLD]
        hints = [*told_apart(latest), "type more of a name, its last part alone, or @last"]
        raise UsageError(f"{len(matching)} runs begin with {reference!r}", "\n".join(hints))
    if os.path.isdir(reference):
        raise no_run(reference, root)
    what = f"{reference}: no such folder" if folder else f"no run {reference!r} in {root}/"
    raise UsageError(what, f"the latest: {max(runs, key=_started).name}, or type @last")


def shortest(paths: Iterable[Path], root: Path = RUNS) -> list[str]:
    """Return for each run the text that `find` finds it by: its name where that means no other run, else its path."""
    known = sorted(
        (text, str(path)) for path in run_folders(places(root)) for text in (path.name, path.name.rpartition("-")[2])
    )
    found = []
    for path in paths:
        after = known[bisect.bisect_left(known, (path.name, "")) :][:3]
        meant = {os.path.realpath(other) for text, other in after if text.startswith(path.name)}
        found.append(path.name if meant == {os.path.realpath(path)} else str(path))
    return found


def no_run(path: str, root: Path) -> UsageError:
    """Return why something that exists is no run, and how to name the runs in it or beside it."""
    folder = Path(path)
    beside = folder.name == CLAIMS
    runs = run_folders([folder.parent if beside else folder]) if folder.is_dir() else []
    if not runs:
        return UsageError(f"{path} is not a run folder: it has no config.json", f"ls {root}/, or type @last")
    every = f"{runs[0].parent}/{'*-*' if all('-' in run.name for run in runs) else '*'}"
    what = "is not a run: it is how processes share their work" if beside else "is not a run, but a folder of runs"
    return UsageError(f"{path} {what}", f"name one, such as {runs[0]}; where several are taken: {every}")


def told_apart(paths: Sequence[Path]) -> list[str]:
    """Return a line for each run: its name, its age, and the values of the options in which the runs differ."""
    runs = [Overview(Run(path)) for path in paths]
    width = max(len(path.name) for path in paths)
    lines = []
    for one, options in zip(runs, options_apart(runs), strict=True):
        own = [f"{name.replace('_', '-')} {value}" for name, value in [*options.items()][:MOST_DIFFERENCES]]
        old = f"{duration(max(time.time() - one.started, 0.0))} old" if one.started else ""
        lines.append(f"{one.run.path.name:{width}}  {', '.join(filter(None, [old, *own]))}".rstrip())
    return lines


def with_pinned_runs(config: RunConfig, root: Path, before: RunConfig | None = None) -> RunConfig:
    """Return a configuration in which each option that names a run is pinned: an absolute path and a model's digest.

    Args:
        config: The configuration, whose references may be pinned already: then the runs are verified.
        root: The folder of runs that the other references are looked up in.
        before: The configuration that this one continues: its references may have moved, and not changed.

    Raises:
        UsageError: There is no such run, or it has another model than before; the option is named.
    """
    parts = {}
    for part, prefix in (("model_config", ""), ("loss_config", ""), ("data_config", "data.")):
        own, found = getattr(config, part), {}
        for name, reference in run_references(own).items():
            try:
                run = find(reference, root)
                pinned = pin(run.path)
                if not parse_pinned(reference):
                    warn_if_unfinished(run)
                was = parse_pinned(getattr(getattr(before, part, None), name, None))
                if was and was.digest != pinned.digest:
                    raise UsageError("its model is not the one that was used", f"copy {was.path} back")
                found[name] = str(pinned)
            except UsageError as error:
                spelling = option(prefix + name)
                if not parse_pinned(reference):
                    error.message = f"{spelling} {reference}: {error.message}"
                elif before is None:
                    error.hint += f"\nor use another run: {spelling} RUN"
                raise
        parts[part] = dataclasses.replace(own, **found) if found else own
    return dataclasses.replace(config, **parts)


def finished_in(names: Iterable[str | Path], root: Path = RUNS) -> list[Run]:
    """Return the finished runs that are named, each a run as `find` takes it, or a folder of runs.

    Raises:
        UsageError: There is no such run or folder, a run that is named is not finished, or there are no finished runs.
    """
    folders = [path if (path := Path(name)).is_dir() else find(str(name), root).path for name in names]
    for folder in folders:
        if (folder / "config.json").exists():
            refuse_without(Run(folder), "results.json", "results")
    return collect(folders)


def _started(path: Path) -> tuple[float, str]:
    """Return when a run was started, and its name to decide between equal times."""
    return (Overview(Run(path)).started, path.name)


@written('genzoo.open_run("@last")')
def open_run(reference: str | Path, runs: str | Path = "runs") -> Run:
    """Return a run: its `path`, `config`, `results`, `record`, `history` and `model`.

    Args:
        reference: A run folder, the beginning of a run's name, "@last", "@best:METRIC", "@best:METRIC@DATASET", or the
            value of an option that is a `genzoo.RunRef`.
        runs: The folder of runs in which names are looked up.

    Raises:
        UsageError: There is no such run, or it has another model than the option was resolved to.
    """
    return find(str(reference), Path(runs))


@written('genzoo.load("@last")')
def load(reference: str | Path, device: str = "cpu") -> Model:
    """Load a trained model in evaluation mode; a warning says where the training of its run has not reached its end.

    Args:
        reference: A model.safetensors file, or a run as for `genzoo.open_run`.
        device: The device of the model.

    Raises:
        UsageError: There is no such file or run.
        GenzooError: The file is damaged, or the plugin of the model is not installed.
    """
    from genzoo.runs.model_file import load_model

    path = Path(reference)
    if path.suffix == ".safetensors":
        return load_model(path, device)
    if os.path.isfile(path):
        raise UsageError(f"{path} is not a .safetensors file; genzoo never unpickles", "give a run's model.safetensors")
    run = find(str(reference))
    if not parse_pinned(str(reference)):  # else it was said when the option was resolved
        warn_if_unfinished(run)
    return load_model(run.path / MODEL_FILE, device)
