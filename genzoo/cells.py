"""The runs of a comparison: one a configuration and seed, those that are finished never made again."""

from __future__ import annotations

import dataclasses
import json
import re
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from genzoo.batches import evaluation_batch
from genzoo.build import choose_device
from genzoo.errors import GenzooError, NonFiniteError, UsageError
from genzoo.experiment import Experiment
from genzoo.protocols import LatentModel, Model
from genzoo.records import is_config, is_ranked
from genzoo.runconfig import RunConfig
from genzoo.runs import Places, Run
from genzoo.training.listener import INTERRUPTED

SPEED_FILE = "speed.json"
SECONDS, PASSES = 0.5, 5
"""How long inference is timed, and how often at least."""
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Cell:
    """One run of the plan."""

    config: RunConfig

    @property
    def name(self) -> str:
        """ "vae, seed 0"."""
        return f"{self.config.model}, seed {self.config.training.seed}"

    @property
    def key(self) -> str:
        """Every option: equal for runs that would be the same run."""
        return key_of(self.config.to_json())


def key_of(config: dict[str, Any]) -> str:
    """A resolved configuration as one text."""
    return json.dumps(config, sort_keys=True)


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


def cells(configs: Iterable[RunConfig], seeds: Sequence[int]) -> list[Cell]:
    """Every configuration with every seed; one seed of all of them before the next seed of any."""
    every = list(configs)
    return [
        Cell(dataclasses.replace(config, training=dataclasses.replace(config.training, seed=seed)))
        for seed in seeds
        for config in every
    ]


def finished(folder: Path) -> dict[str, Run]:
    """The runs in a folder whose results are there, by configuration."""
    found: dict[str, Run] = {}
    for file in sorted(folder.glob("*/results.json")):
        run = Run(file.parent)
        try:
            config, whole = run.plain_config, is_ranked(run.results, run.record, run.history)
        except GenzooError:  # damaged: it is made again
            continue
        if whole and is_config(config):
            found.setdefault(key_of(config), run)
    return found


def run_cells(
    plan: Sequence[Cell], places: Places, quiet: bool, say: Callable[[str], None]
) -> tuple[dict[str, Run], list[str]]:
    """Makes the runs of a plan that are not there yet.

    Args:
        plan: What to run.
        places: `runs` is the folder.
        quiet: No progress.
        say: Told of each run that is made.

    Returns:
        The plan's finished runs by configuration, and a line for each that failed.

    Raises:
        KeyboardInterrupt: Ctrl-C, the first one too. What is finished stays.
    """
    done = finished(places.runs)
    made, failures = {}, []
    for number, cell in enumerate(plan, start=1):
        run = done.get(cell.key)
        if run is None:
            say(f"[{number}/{len(plan)}] {cell.name}")
            try:
                run = Experiment(cell.config, places, quiet).run()
            except NonFiniteError as error:
                failures.append(f"{cell.name}: {error.message}")
                say(f"genzoo: {failures[-1]}")
                continue
            assert run is not None, "alone, it is this process that writes"
            if run.record["status"] == INTERRUPTED:
                raise KeyboardInterrupt
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
    with torch.no_grad():
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
