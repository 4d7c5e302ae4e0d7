"""Which finished runs serve a sweep: those that were made as it asks, on the same data, wherever these were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.comparison.identity import Data, as_key, changed_during_training, defaults_of
from genzoo.core.dataset import Dataset
from genzoo.core.errors import GenzooError
from genzoo.core.options import to_json
from genzoo.data.digest import digest
from genzoo.data.store import Store
from genzoo.evaluation.order import key as name_in_results
from genzoo.registry.current import registry
from genzoo.runs.config import RunConfig
from genzoo.runs.record import data_of, why_outdated
from genzoo.runs.run import FINISHED, SPEED_FILE, Run, RunPaths, read_json
from genzoo.runs.schema import is_config, is_ranked
from genzoo.training.config import Training

if TYPE_CHECKING:
    from genzoo.experiment.sweep import SweepRun

OF_A_TRAINING = ("model", "loss", "training")
"""Sections of a configuration whose options a run was trained with."""


def finished(plan: Sequence[SweepRun], paths: RunPaths, now: dict[str, Data] | None = None) -> dict[str, Run]:
    """Return the finished runs of a plan by their keys.

    A finished run counts where it had the same options throughout and its data the same content, wherever they were.

    Args:
        plan: The runs.
        paths: `runs` is the folder.
        now: Identities of the data that were read already, by configuration; read ones are added.
    """
    there = [run for file in sorted(paths.runs.glob("*/results.json")) if is_whole(run := Run(file.parent))]
    found: dict[str, Run] = {}
    now = {} if now is None else now
    for planned in plan if there else ():
        config = planned.config.to_json()
        section = as_key(config["data"])
        if section not in now:
            now[section] = data_now(planned.config, paths.data_root)
        made = [run for run in there if is_made_as(run, config, now[section])]
        found |= {planned.key: min(made, key=lambda run: len(missing_metrics(run, planned)))} if made else {}
    return found


def missing_metrics(run: Run, planned: SweepRun) -> list[str]:
    """Return the metrics that a finished run was not evaluated by, of those that its plan asks for."""
    return [name for name in planned.config.training.metrics if name_in_results(name) not in run.results["test"]]


def is_whole(run: Run) -> bool:
    """Whether a run has everything that a leaderboard shows, of the training that its configuration asks for."""
    try:
        config, results, record = run.plain_config, run.results, run.record
        ranked = is_config(config) and is_ranked(results, record, run.history)
    except GenzooError:  # damaged: it is made again
        return False
    return ranked and not why_outdated(run, config, results, record)


def is_made_as(run: Run, config: dict[str, Any], data: Data) -> bool:
    """Whether a finished run was trained with this configuration on these data from its start.

    Its metrics may be others: they can be evaluated now.
    """
    own, record = run.plain_config, run.record
    either = [{**one, "training": {**one["training"], "metrics": None}} for one in (completed(own, config), config)]
    if any(either[0][section] != either[1][section] for section in OF_A_TRAINING):
        return False
    if changed_during_training(own["training"], record):
        return False
    was = Data.of(own["data"], record.get("data_digest"), record.get("data"))
    return was.same_as(data)


def completed(own: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Return a stored configuration with the defaults of options that it lacks and another one has."""
    newer = any(config[section].keys() - own[section].keys() for section in OF_A_TRAINING)
    names = {section: own[section]["name"] for section in ("model", "loss")}
    if not newer or any(config[section]["name"] != name for section, name in names.items()):
        return own
    usual = {"model": defaults_of("model", names["model"]), "loss": defaults_of("loss", names["loss"])}
    usual["training"] = to_json(Training())
    return own | {section: usual[section] | own[section] for section in OF_A_TRAINING}


def data_now(config: RunConfig, data_root: Path | None) -> Data:
    """Return the identity of a configuration's data; of data that cannot be loaded it is their options."""
    section, store = config.to_json()["data"], Store(data_root, say=lambda line: None)
    dataset: Dataset = registry().get("dataset", config.dataset).load()(config.data_config)
    try:
        found = digest(dataset.load(store))
    except GenzooError:
        return Data.of(section, None, None)
    return Data.of(section, found, data_of(store))


def is_complete(run: Run, planned: SweepRun) -> bool:
    """Return whether a run with results has its end, its speed and the metrics that its plan asks for."""
    return has_ended(run) and has_speed(run) and not missing_metrics(run, planned)


def has_ended(run: Run) -> bool:
    """Return whether a run with results is finished by its record: its process may have ended before its report."""
    return bool(run.record.get("status", FINISHED) == FINISHED)


def has_speed(run: Run) -> bool:
    """Return whether the speed of a finished run was measured, that of sampling too."""
    try:
        return "samples_per_second" in read_json(run.path / SPEED_FILE)
    except GenzooError:  # not there, or damaged
        return False
