"""`genzoo run --or-resume`: one command that starts a run, goes on with it, or finds it finished."""

from __future__ import annotations

from collections.abc import Iterable

from genzoo.core.errors import UsageError
from genzoo.core.options import option
from genzoo.experiment.experiment import Experiment
from genzoo.experiment.resume import Resumption
from genzoo.runs.claims import FOLDER as CLAIMS
from genzoo.runs.config import RunConfig
from genzoo.runs.run import Run, RunPaths
from genzoo.system.distributed import ALONE, Processes
from genzoo.system.messages import warn

OF_THE_TRAINING = ("epochs", "max_steps", "max_time", "lr", "grad_clip", "patience", "on_nan", "max_skips")
"""The options that may change in a run and change what it learns."""


def run_new(
    config: RunConfig, paths: RunPaths, quiet: bool = False, processes: Processes = ALONE
) -> tuple[Experiment, Run | None]:
    """Make a run in a new folder; see `run_or_resume`."""
    experiment = Experiment(config, paths, quiet, processes)
    return experiment, experiment.run()


def run_or_resume(
    config: RunConfig, paths: RunPaths, quiet: bool = False, processes: Processes = ALONE
) -> tuple[Experiment, Run | None]:
    """Make a run in `paths.out`; go on where it was begun; do nothing where it is finished.

    Whatever starts processes may repeat this: the first process looks, and tells the others.

    Args:
        config: The resolved configuration.
        paths: `out` is the run's folder.
        quiet: No progress on standard error.
        processes: The processes that share the work.

    Returns:
        The experiment, and the run; None in all processes but the first.

    Raises:
        UsageError: The folder has another run, or something else.
        GenzooError: As for `Experiment.run` and `Resumption.run_on`.
    """
    if paths.out is None:
        raise UsageError("--or-resume needs the folder that it goes on in", "name it: --out FOLDER")
    run = Run(paths.out)
    begun = processes.first and (run.path / "config.json").exists()
    if not processes.broadcast_object("begun" if begun else ""):
        return run_new(config, paths, quiet, processes)
    if processes.first:
        refuse_other_names(run, config)
    resumption = Resumption(run, config, paths.data_root, quiet, processes)
    resumption.run_on()
    return resumption.experiment, run if processes.first else None


def refuse_other_names(run: Run, config: RunConfig) -> None:
    """Refuse a run of another model, loss or dataset.

    Raises:
        UsageError: Naming the differences.
    """
    before = run.config
    names = {kind: (getattr(before, kind), getattr(config, kind)) for kind in ("model", "loss", "dataset")}
    differences = [f"the {kind} is {was}, not {now}" for kind, (was, now) in names.items() if was != now]
    if differences:
        raise UsageError(f"{run.path} is another run: {'; '.join(differences)}", "name another folder: --out FOLDER")


def warn_of_others(run: Run, changed: Iterable[str]) -> None:
    """Warn where options change of a run that was trained to be compared with others, in a bench or a sweep.

    Args:
        run: The run.
        changed: The options that change.
    """
    trained = [name for name in changed if name in OF_THE_TRAINING]
    if trained and (run.path.parent / CLAIMS).is_dir():
        how = f"a run of its own: genzoo run --config {run.path / 'config.json'} --out FOLDER"
        options = ", ".join(map(option, trained))
        whose = f"{run.path.name} is one of the runs that are compared in {run.path.parent}/"
        warn(f"{whose}: with another {options} it is none of them", how)
