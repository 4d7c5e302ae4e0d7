"""A sweep: one run per configuration and seed; finished runs are reused."""

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
from genzoo.core.model import Autoencoder, Model
from genzoo.core.noise import seeded
from genzoo.core.options import to_json
from genzoo.core.text import list_in
from genzoo.data.batching import evaluation_batch
from genzoo.data.digest import digest
from genzoo.data.store import Store
from genzoo.evaluation.order import key as name_in_results
from genzoo.evaluation.samplers import PRIOR, why_no_sampler
from genzoo.evaluation.sampling import draw
from genzoo.experiment.experiment import Experiment
from genzoo.registry.current import registry
from genzoo.runs.config import RunConfig
from genzoo.runs.record import data_of, why_outdated
from genzoo.runs.run import SPEED_FILE, Run, RunPaths, read_json
from genzoo.runs.schema import is_config, is_ranked
from genzoo.system.computing import evaluating
from genzoo.system.devices import choose_device, synchronize
from genzoo.system.lock import locked
from genzoo.system.signals import interruption
from genzoo.training.config import Training

SECONDS, PASSES = 0.5, 5
"""Least time, in seconds, and least number of passes of the measurement of inference speed."""
DRAWN = 100
"""Examples that are drawn at once to measure the speed of sampling."""


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep."""

    config: RunConfig

    @property
    def name(self) -> str:
        """Return a name such as "vae, seed 0"."""
        return f"{self.config.model}, seed {self.config.training.seed}"

    @property
    def key(self) -> str:
        """Return all options as one text, which is equal for equal runs."""
        return as_key(self.config.to_json())


def parse_seeds(text: str) -> list[int]:
    """Return the seeds of "0..4" or "0-4" (both ends included), "0,2,7" or "3", each once.

    Raises:
        UsageError: Anything else.
    """
    words = list_in(text, "--seeds")
    wrong = next((word for word in words if not re.fullmatch(r"\d{1,9}", word, flags=re.ASCII)), None)
    if wrong or not words:
        raise UsageError(f"--seeds {text}: {wrong or ''!r} is no seed", "write 0..4, or 0,2,7")
    return list(dict.fromkeys(map(int, words)))


def sweep_runs(configs: Iterable[RunConfig], seeds: Sequence[int]) -> list[SweepRun]:
    """Return every configuration with every seed: first all configurations with the first seed, and so on."""
    every = list(configs)
    return [
        SweepRun(dataclasses.replace(config, training=dataclasses.replace(config.training, seed=seed)))
        for seed in seeds
        for config in every
    ]


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
    defaults = to_json(Training())  # of options that are newer than the run
    either = [{**one, "training": {**defaults, **one["training"], "metrics": None}} for one in (own, config)]
    if any(either[0][section] != either[1][section] for section in ("model", "loss", "training")):
        return False
    if changed_during_training(own["training"], record):
        return False
    was = Data.of(own["data"], record.get("data_digest"), record.get("data"))
    return was.same_as(data)


def data_now(config: RunConfig, data_root: Path | None) -> Data:
    """Return the identity of a configuration's data; of data that cannot be loaded it is their options."""
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
    """Make the missing runs of a plan.

    Args:
        plan: The runs.
        paths: `runs` is the folder.
        quiet: No progress on standard error.
        say: Takes a line about each run that is started.

    Returns:
        The plan's finished runs by configuration, and a line for each that failed.

    Raises:
        KeyboardInterrupt: On the first Ctrl-C too. Finished runs stay.
        UsageError: Another process runs a sweep in that folder.
    """
    now: dict[str, Data] = {}
    done = finished(plan, paths, now)
    if all(planned.key in done and is_measured(done[planned.key], planned) for planned in plan):
        return {planned.key: done[planned.key] for planned in plan}, []
    try:
        paths.runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {paths.runs}: {error.strerror}", "choose another: --runs FOLDER") from None
    with locked(paths.runs):
        return make(plan, finished(plan, paths, now), paths, quiet, say)


def is_measured(run: Run, planned: SweepRun) -> bool:
    """Return whether a finished run has its speed and the metrics that its plan asks for."""
    return has_speed(run) and not missing_metrics(run, planned)


def has_speed(run: Run) -> bool:
    """Return whether the speed of a finished run was measured, that of sampling too."""
    try:
        return "samples_per_second" in read_json(run.path / SPEED_FILE)
    except GenzooError:  # not there, or damaged
        return False


def make(
    plan: Sequence[SweepRun], done: Mapping[str, Run], paths: RunPaths, quiet: bool, say: Callable[[str], None]
) -> tuple[dict[str, Run], list[str]]:
    """Make the runs of a plan that are not in `done`, and measure what is missing; see `run_sweep`."""
    made, failures = {}, []
    for number, planned in enumerate(plan, start=1):
        run = done.get(planned.key)
        if run is None:
            say(f"[{number}/{len(plan)}] {planned.name}")
            try:
                experiment = Experiment(planned.config, paths, quiet)
                run = experiment.run()
            except NonFiniteError as error:
                failures.append(f"{planned.name}: {error.message}")
                say(f"genzoo: {failures[-1]}")
                continue
            assert run is not None, "alone, it is this process that writes"
            if run.record["status"] == INTERRUPTED:
                raise interruption(experiment.stopped_by)
        if missing := missing_metrics(run, planned):
            say(f"[{number}/{len(plan)}] {planned.name}: evaluates {', '.join(missing)}")
            Experiment(planned.config, paths, quiet=True).load().add_metrics(run, missing)
        if not has_speed(run):
            model, device = run.model, choose_device(planned.config.training.device)
            run.write(SPEED_FILE, {**inference_speed(model, device), **sampling_speed(model, device)})
        made[planned.key] = run
    return made, failures


def inference_speed(model: Model, device: torch.device) -> dict[str, Any]:
    """Measure how fast a model encodes and decodes: the median of some passes over one batch of random values."""
    if not isinstance(model, Autoencoder):
        return {"not_available": "no encoder"}
    model = model.to(device).eval()
    size = evaluation_batch(model.spec)
    x = torch.rand(size, *model.spec.shape, device=device)
    with torch.no_grad(), evaluating(model):
        for _ in range(2):  # what is made on first use is made now
            model.reconstruct(x)
        seconds = timed(lambda: model.reconstruct(x), device, PASSES)
    speed = size / statistics.median(seconds)
    return {"images_per_second": speed, "batch_size": size, "passes": len(seconds), "device": str(device)}


def sampling_speed(model: Model, device: torch.device) -> dict[str, Any]:
    """Measure how many examples a model draws in a second, with its own sampling options; None if it cannot."""
    if why_no_sampler(model, PRIOR):
        return {"samples_per_second": None}
    model = model.to(device).eval()
    with torch.no_grad(), evaluating(model), seeded(0):
        draw(model, None, 1, noise=False)  # what is made on first use is made now
        seconds = timed(lambda: draw(model, None, DRAWN, noise=False), device, 1)
    return {"samples_per_second": DRAWN / statistics.median(seconds)}


def timed(work: Callable[[], object], device: torch.device, passes: int) -> list[float]:
    """Return the seconds of repeated passes, which take at least SECONDS together."""
    seconds: list[float] = []
    while sum(seconds) < SECONDS or len(seconds) < passes:
        synchronize(device)
        start = time.perf_counter()
        work()
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return seconds
