"""From Python: `genzoo.run` and `genzoo.resume`, which go the same way as the commands of these names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genzoo.comparison.references import find
from genzoo.core.errors import UsageError
from genzoo.experiment.experiment import Experiment
from genzoo.experiment.resume import Resumption
from genzoo.registry.current import registry
from genzoo.registry.plugin_faults import exit_code_of
from genzoo.runs.config import Components
from genzoo.runs.run import Run, RunPaths
from genzoo.system.distributed import joined
from genzoo.system.isolation import one_run, own_settings


def run(
    model: str,
    dataset: str,
    loss: str = "",
    *,
    data: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    out: str | Path | None = None,
    data_root: str | Path | None = None,
    quiet: bool = False,
    profile: bool = False,
    **options: Any,
) -> Run:
    """Trains a registered model: the same code path as `genzoo run`.

    torch's random numbers and settings belong to the whole process. So of several threads one trains at a time, and
    the others wait; runs side by side are processes of their own. What the program has set of torch, NumPy or
    matplotlib changes no run, and is there again afterwards.

    Args:
        model: A registered model's name.
        dataset: A registered dataset's name.
        loss: A registered loss's name; without it, the model's own.
        data: Options of the dataset, such as {"validation": 0}.
        runs: The folder that run folders are made in.
        out: This run's own folder instead; it must not exist.
        data_root: Where raw data files lie, instead of the usual paths.
        quiet: No progress on standard error.
        profile: Trace some training steps into the run's folder and say where their time goes.
        **options: Options of model, loss and trainer, such as latent_dim=2, beta=4.0, epochs=5.

    Returns:
        The finished run: .path, .results, .model, .config.

    Raises:
        UsageError: A name, option or value that does not fit; nothing was started.
        NonFiniteError: The loss became nan or infinite.
        OutOfMemory: A step or the evaluation did not fit.
    """
    refuse_other_kinds(data, model=model, dataset=dataset, loss=loss)
    config = Components.find(registry(), model, dataset, loss).defaults().replace(data or {}, options)
    paths = RunPaths(Path(runs), Path(out) if out else None, Path(data_root) if data_root else None, profile)
    with one_run(quiet), own_settings(), joined(exit_code_of) as processes:
        made = Experiment(config, paths, quiet, processes).run()
        return Run(Path(processes.broadcast_object(str(made.path) if made else "")))


def resume(
    reference: str | Path | Run,
    *,
    runs: str | Path = "runs",
    data_root: str | Path | None = None,
    quiet: bool = False,
    data: Mapping[str, Any] | None = None,
    **options: Any,
) -> Run:
    """Goes on with a run from its last checkpoint: the same code path as `genzoo resume`.

    Args:
        reference: A run, its folder, or its name as `genzoo evaluate` takes it.
        runs: The folder that runs lie in.
        data_root: Where raw data files lie, instead of the usual paths.
        quiet: No progress on standard error.
        data: Where the data lie now, if they were moved, such as {"path": "there.npz"}.
        **options: Options that may change, such as epochs=40.

    Returns:
        The run. Where nothing is left to do, nothing is done.

    Raises:
        OutOfMemory: A step or the evaluation did not fit.
        UsageError: No such run, an option that may not change, or somebody else is writing to it.
        GenzooError: Its checkpoints are damaged.
        NonFiniteError: The loss became nan or infinite.
    """
    run = reference if isinstance(reference, Run) else find(str(reference), Path(runs))
    config = run.config.replace(data or {}, options)
    with one_run(quiet), own_settings(), joined(exit_code_of) as processes:
        Resumption(run, config, Path(data_root) if data_root else None, quiet, processes).run_on()
        processes.broadcast_object("done")
    return run


def refuse_other_kinds(data: object, **names: object) -> None:
    """Refuses what is no name, such as the model's class, or no table of options.

    Raises:
        UsageError: Naming the argument.
    """
    for argument, name in names.items():
        if not isinstance(name, str):
            how = f"register it and give its name: genzoo.register_{argument}(…)"
            raise UsageError(f"{argument} must be a registered name, not {name!r}", how)
    if data is not None and not isinstance(data, Mapping):
        raise UsageError(f"data must be options of the dataset, not {data!r}", 'such as data={"validation": 0}')
