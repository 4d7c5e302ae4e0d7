"""The Python API: `genzoo.run` and `genzoo.resume`, on the same code path as the commands."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack, get_type_hints, overload

from genzoo.comparison.references import find
from genzoo.core.calls import written
from genzoo.core.errors import UsageError
from genzoo.experiment.given import given_again, named
from genzoo.experiment.or_resume import run_new, run_or_resume, warn_of_others
from genzoo.experiment.resume import Resumption
from genzoo.experiment.training_options import TrainingOptions
from genzoo.registry.current import registry
from genzoo.registry.plugin_faults import exit_code_of
from genzoo.runs.config import Components, RunConfig
from genzoo.runs.run import Run, RunPaths
from genzoo.system.distributed import joined
from genzoo.system.isolation import one_run, own_settings


def naming_training_options(function: Any) -> Any:
    """Return a function whose signature names the trainer's options, which IPython then completes.

    Their defaults are "...": models may have their own.
    """
    shown = inspect.signature(function)
    *given, rest = shown.parameters.values()
    kind, types = inspect.Parameter.KEYWORD_ONLY, get_type_hints(TrainingOptions)
    training = [inspect.Parameter(name, kind, default=..., annotation=types[name]) for name in types]
    function.__signature__ = shown.replace(parameters=[*given, *training, rest])
    return function


@overload
def run(
    model: str,
    dataset: Any,
    loss: str = "",
    *,
    data: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    out: str | Path | None = None,
    or_resume: bool = False,
    data_root: str | Path | None = None,
    quiet: bool = False,
    profile: bool = False,
    **training: Unpack[TrainingOptions],
) -> Run: ...
@overload
def run(model: str, dataset: Any, loss: str = "", **options: Any) -> Run: ...
@written("genzoo.run(MODEL, DATASET)")
@naming_training_options
def run(
    model: str,
    dataset: Any = None,
    loss: str = "",
    *,
    data: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    out: str | Path | None = None,
    or_resume: bool = False,
    data_root: str | Path | None = None,
    quiet: bool = False,
    profile: bool = False,
    **options: Any,
) -> Run:
    """Train a registered model, as `genzoo run` does.

    torch's random generator and settings belong to the whole process, so one thread trains at a time and the others
    wait. Start parallel runs in separate processes. Settings that the program made of torch, NumPy or matplotlib do
    not change a run, and are restored afterwards.

    Args:
        model: Name of a registered model.
        dataset: Name of a registered dataset; or examples: an array, a tensor or a DataFrame [N, …], a pair (examples,
            labels), or a dataset object. Integer images are scaled as files are. Examples have no name, so the run can
            be resumed only where they are given again.
        loss: Name of a registered loss; default: the model's own.
        data: Options of the dataset, such as {"validation": 0}; {"labels": y} are the classes of examples, or name
            a column of a DataFrame.
        runs: The folder in which run folders are created.
        out: The run's folder itself; it must not exist.
        or_resume: Go on with the run in `out`, if there is one; it must have the same options.
        data_root: The folder of raw data files, instead of the usual ones.
        quiet: No progress on standard error.
        profile: Trace some training steps into the run's folder and print where their time goes.
        **options: Options of model, loss and trainer, such as latent_dim=2, beta=4.0, epochs=5. A name that several of
            them have needs its section: **{"model.schedule": "cosine"}.

    Returns:
        The finished run: .path, .results, .model, .config.

    Raises:
        UsageError: A name, option or value that does not fit. Nothing was started.
        NonFiniteError: The loss became nan or infinite.
        OutOfMemory: A step or the evaluation did not fit.
    """
    refuse_swapped(model, dataset)
    refuse_other_kinds(data, model=model, loss=loss)
    name, data_options = named(dataset, data or {}, f"genzoo run {model}")
    config = Components.find(registry(), model, name, loss).defaults().replace(data_options, options)
    paths = RunPaths(Path(runs), Path(out) if out else None, Path(data_root) if data_root else None, profile)
    with one_run(quiet), own_settings(), joined(exit_code_of) as processes:
        _, finished = (run_or_resume if or_resume else run_new)(config, paths, quiet, processes)
        return Run(Path(processes.broadcast_object(str(finished.path) if finished else "")))


@written("genzoo.options(MODEL, DATASET)")
def options(model: str, dataset: Any = None, loss: str = "", **changed: Any) -> RunConfig:
    """Return every option of a run, as dataclasses: `.model_config`, `.loss_config`, `.data_config`, `.training`.

    A notebook shows them with their help.

    Args:
        model: Name of a registered model.
        dataset: Name of a registered dataset, or examples as `genzoo.run` takes them.
        loss: Name of a registered loss; default: the model's own.
        **changed: Options as `genzoo.run` takes them; the others have their defaults.

    Raises:
        UsageError: A name, option or value that does not fit.
    """
    name, data = named(dataset, {}, f"genzoo run {model}")
    return Components.find(registry(), model, name, loss).defaults().replace(data, changed)


@written("genzoo.resume(RUN)")
def resume(
    reference: str | Path | Run,
    *,
    runs: str | Path = "runs",
    data_root: str | Path | None = None,
    quiet: bool = False,
    data: Any = None,
    **options: Any,
) -> Run:
    """Continue a run from its last checkpoint, as `genzoo resume` does.

    Args:
        reference: A run, its folder, or its name as `genzoo evaluate` takes it.
        runs: The folder of the runs.
        data_root: The folder of raw data files, instead of the usual ones.
        quiet: No progress on standard error.
        data: Where the data are now, if they were moved, such as {"path": "there.npz"}; or the examples again that
            `genzoo.run` was given: they are compared by a digest.
        **options: Options that may change, such as epochs=40.

    Returns:
        The run, unchanged where it was finished.

    Raises:
        OutOfMemory: A step or the evaluation did not fit.
        UsageError: No such run, an option that may not change, or another process is writing to the run.
        GenzooError: Its checkpoints are damaged.
        NonFiniteError: The loss became nan or infinite.
    """
    run = reference if isinstance(reference, Run) else find(str(reference), Path(runs))
    config = run.config.replace({} if data is None else given_again(run, data), options)
    with one_run(quiet), own_settings(), joined(exit_code_of) as processes:
        resumption = Resumption(run, config, Path(data_root) if data_root else None, quiet, processes)
        warn_of_others(run, resumption.changed)
        resumption.run_on()
        processes.broadcast_object("done")
    return run


def refuse_swapped(model: object, dataset: object) -> None:
    """Refuse a model that stands behind its data.

    Raises:
        UsageError: With the call as it should be.
    """
    known = registry()
    is_model = isinstance(dataset, str) and known.called(dataset, ["model"])
    if is_model and (known.called(model, ["dataset"]) if isinstance(model, str) else hasattr(model, "__len__")):
        given = f'"{model}"' if isinstance(model, str) else "x"
        raise UsageError("the model comes first", f'write: genzoo.run("{dataset}", {given})')


def refuse_other_kinds(data: object, **names: object) -> None:
    """Refuse arguments of another type, such as the model's class instead of its name.

    Raises:
        UsageError: Naming the argument.
    """
    for argument, name in names.items():
        if not isinstance(name, str):
            how = f"register it and give its name: genzoo.register_{argument}(…)"
            raise UsageError(f"{argument} must be a registered name, not {name!r}", how)
    if data is not None and not isinstance(data, Mapping):
        raise UsageError(f"data must be options of the dataset, not {data!r}", 'such as data={"validation": 0}')
