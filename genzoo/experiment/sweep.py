"""The runs of a comparison: one a configuration and seed, those that are finished never made again."""

from __future__ import annotations

import dataclasses
import re
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from genzoo.comparison.identity import Data, as_key, changed_during_training
from genzoo.core.dataset import Dataset
from genzoo.core.errors import GenzooError, NonFiniteError, UsageError
from genzoo.core.listener import INTERRUPTED
from genzoo.core.model import LatentModel, Model
from genzoo.data.batching import evaluation_batch
from genzoo.data.digest import digest
from genzoo.data.store import Store
from genzoo.experiment.experiment import Experiment
from genzoo.registry.current import registry
from genzoo.runs.build import choose_device
from genzoo.runs.config import RunConfig
from genzoo.runs.record import data_of, why_outdated
from genzoo.runs.run import SPEED_FILE, Run, RunPaths
from genzoo.runs.schema import is_config, is_ranked
from genzoo.system.computing import evaluating
from genzoo.system.lock import locked
from genzoo.system.signals import interruption

SECONDS, PASSES = 0.5, 5
"""How long inference is timed, and how often at least."""
MOST_SEEDS = 1000


@dataclass(frozen=True)
class SweepRun:
    """One run of the plan."""

    config: RunConfig

    @property
    def name(self) -> str:
        """ "vae, seed 0"."""
        return f"{self.config.model}, seed {self.config.training.seed}"

    @property
    def key(self) -> str:
        """Every option: equal for runs that would be the same run."""
        return as_key(self.config.to_json())


def parse_seeds(text: str) -> list[int]:
    """Seeds from "0..4" (both ends included), "0,2,7" or "3".

    Raises:
        UsageError: Anything else.
    """
    how = "write 0..4, or 0,2,7"
    seeds: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,9})(?:\.\.(\d{1,9}))?", part.strip(), flags=re.ASCII)
        if not match:
            raise UsageError(f"--seeds {text}: {part!r} is no seed", how)
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise UsageError(f"--seeds {text}: {first} comes after {last}", f"write {last}..{first}")
        if last - first >= MOST_SEEDS:
            raise UsageError(f"--seeds {text}: more than {MOST_SEEDS:,} seeds", how)
        seeds.update(dict.fromkeys(range(first, last + 1)))
    return list(seeds)


def sweep_runs(configs: Iterable[RunConfig], seeds: Sequence[int]) -> list[SweepRun]:
    """Every configuration with every seed; one seed of all of them before the next seed of any."""
    every = list(configs)
    return [
        SweepRun(dataclasses.replace(config, training=dataclasses.replace(config.training, seed=seed)))
        for seed in seeds
        for config in every
    ]


def finished(plan: Sequence[SweepRun], paths: RunPaths, now: dict[str, Data] | None = None) -> dict[str, Run]:
    """The runs of a plan that are there, by the keys of their cells.

    A run is that of a cell if it had the same options throughout and its data held the same, wherever they lay.

    Args:
        plan: What is asked for.
        paths: `runs` is the folder.
        now: Filled with the data that each `data` section of a configuration means today, which are not read again.
    """
    there = [run for file in sorted(paths.runs.glob("*/results.json")) if is_whole(run := Run(file.parent))]
    found: dict[str, Run] = {}
    now = {} if now is None else now
    for cell in plan if there else ():
        config = cell.config.to_json()
        section = as_key(config["data"])
        if section not in now:
            now[section] = data_now(cell.config, paths.data_root)
        made = [run for run in there if is_made_as(run, config, now[section])]
        found |= {cell.key: made[0]} if made else {}
    return found


def is_whole(run: Run) -> bool:
    """Whether a run has all that a leaderboard shows, of the training that its configuration asks for."""
    try:
        config, results, record = run.plain_config, run.results, run.record
        ranked = is_config(config) and is_ranked(results, record, run.history)
    except GenzooError:  # damaged: it is made again
        return False
    return ranked and not why_outdated(run, config, results, record)


def is_made_as(run: Run, config: dict[str, Any], data: Data) -> bool:
    """Whether a whole run was made with this configuration, on these data, from its beginning."""
    own, record = run.plain_config, run.record
    if any(own[section] != config[section] for section in ("model", "loss", "training")):
        return False
    if changed_during_training(own["training"], record):
        return False
    was = Data.of(own["data"], record.get("data_digest"), record.get("data"))
    return was.same_as(data)


def data_now(config: RunConfig, data_root: Path | None) -> Data:
    """The data that a configuration means today; those that cannot be had are known by their options alone."""
    section, store = config.to_json()["data"], Store(data_root, say=lambda line: None)
    dataset: Dataset = registry().get("dataset", config.dataset).load()(config.data_config)
    try:
        found = digest(dataset.load(store))
    except GenzooError:
        return Data.of(section, None, None)
    return Data.of(section, found, data_of(store))


def run_sweep(
    plan: Sequence[SweepRun], paths: RunPaths, quiet: bool, say: Callable[[str], None]
) -> tuple[dict[str, Run], list[str]]:
    """Makes the runs of a plan that are not there yet.

    Args:
        plan: What to run.
        paths: `runs` is the folder.
        quiet: No progress.
        say: Told of each run that is made.

    Returns:
        The plan's finished runs by configuration, and a line for each that failed.

    Raises:
        KeyboardInterrupt: Ctrl-C, the first one too. What is finished stays.
        UsageError: Another process makes runs of a plan in that folder.
    """
    now: dict[str, Data] = {}
    done = finished(plan, paths, now)
    if all(cell.key in done and (done[cell.key].path / SPEED_FILE).exists() for cell in plan):
        return {cell.key: done[cell.key] for cell in plan}, []
    try:
        paths.runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {paths.runs}: {error.strerror}", "choose another: --runs FOLDER") from None
    with locked(paths.runs):
        return make(plan, finished(plan, paths, now), paths, quiet, say)


def make(
    plan: Sequence[SweepRun], done: Mapping[str, Run], paths: RunPaths, quiet: bool, say: Callable[[str], None]
) -> tuple[dict[str, Run], list[str]]:
    """What `run_sweep` does, of which some runs are done."""
    made, failures = {}, []
    for number, cell in enumerate(plan, start=1):
        run = done.get(cell.key)
        if run is None:
            say(f"[{number}/{len(plan)}] {cell.name}")
            try:
                experiment = Experiment(cell.config, paths, quiet)
                run = experiment.run()
            except NonFiniteError as error:
                failures.append(f"{cell.name}: {error.message}")
                say(f"genzoo: {failures[-1]}")
                continue
            assert run is not None, "alone, it is this process that writes"
            if run.record["status"] == INTERRUPTED:
                raise interruption(experiment.stopped_by)
        if not (run.path / SPEED_FILE).exists():
            run.write(SPEED_FILE, inference_speed(run.model, choose_device(cell.config.training.device)))
        made[cell.key] = run
    return made, failures


def inference_speed(model: Model, device: torch.device) -> dict[str, Any]:
    """How fast a model encodes and decodes: the median of some passes over one batch, whose values do not matter."""
    if not isinstance(model, LatentModel):
        return {"not_available": "no encoder"}
    model = model.to(device).eval()
    size = evaluation_batch(model.spec)
    x = torch.rand(size, *model.spec.shape, device=device)
    seconds: list[float] = []
    with torch.no_grad(), evaluating(model):
        for _ in range(2):  # what is made on first use is made now
            model.reconstruct(x)
        while sum(seconds) < SECONDS or len(seconds) < PASSES:
            synchronize(device)
            start = time.perf_counter()
            model.reconstruct(x)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    speed = size / statistics.median(seconds)
    return {"images_per_second": speed, "batch_size": size, "passes": len(seconds), "device": str(device)}


def synchronize(device: torch.device) -> None:
    """Waits until the device has done what it was told."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
