"""A sweep: one run per configuration and seed. Any number of processes share its folder; finished runs are reused."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from genzoo.comparison.identity import as_key
from genzoo.core.errors import UsageError
from genzoo.core.text import list_in, options_text
from genzoo.experiment.worker import Worker
from genzoo.runs.config import RunConfig
from genzoo.runs.run import Run, RunPaths


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep."""

    config: RunConfig
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What differs from the other runs, as it is typed, such as {"beta": "2"}."""

    @property
    def name(self) -> str:
        """Return a name such as "vae beta=2, seed 0"."""
        return f"{self.label}, seed {self.config.training.seed}"

    @property
    def label(self) -> str:
        """Return the name without the seed."""
        return " ".join(filter(None, (self.config.model, options_text(self.options))))

    @property
    def key(self) -> str:
        """Return all options as one text, which is equal for equal runs."""
        return as_key(self.config.to_json())

    @property
    def claim(self) -> str:
        """Return what processes that share the work call this run, whatever metrics are asked for."""
        config = self.config.to_json()
        config["training"]["metrics"] = []
        return hashlib.sha256(as_key(config).encode()).hexdigest()[:16]


def parse_seeds(text: str) -> list[int]:
    """Return the seeds of "0-4" or "0..4" (both ends included), "0,2,7" or "3", each once.

    Raises:
        UsageError: Anything else.
    """
    words = list_in(text, "--seeds")
    wrong = next((word for word in words if not re.fullmatch(r"\d{1,9}", word, flags=re.ASCII)), None)
    if wrong or not words:
        raise UsageError(f"--seeds {text}: {wrong or ''!r} is no seed", "write 0-4, or 0,2,7")
    return list(dict.fromkeys(map(int, words)))


def sweep_runs(
    configs: Iterable[RunConfig], seeds: Sequence[int], options: Sequence[Mapping[str, str]] = ()
) -> list[SweepRun]:
    """Return every configuration with every seed: first all configurations with the first seed, and so on.

    Args:
        configs: The configurations.
        seeds: The seeds.
        options: What differs in each configuration; without them, nothing is told of it.
    """
    every = list(configs)
    named = list(zip(every, options or [{}] * len(every), strict=True))
    return [
        SweepRun(dataclasses.replace(config, training=dataclasses.replace(config.training, seed=seed)), own)
        for seed in seeds
        for config, own in named
    ]


def reused(there: int, planned: int, what: str) -> str:
    """Return a line such as "2 of 4 runs are there already"."""
    return f"{there} of {planned} {what}{'s' * (planned > 1)} {'are' if there > 1 else 'is'} there already"


def run_sweep(
    plan: Sequence[SweepRun],
    paths: RunPaths,
    quiet: bool,
    say: Callable[[str], None],
    helpers: Callable[[int], None] | None = None,
) -> tuple[dict[str, Run], list[str]]:
    """Make the missing runs of a plan, and wait for those that other processes make.

    Args:
        plan: The runs.
        paths: `runs` is the folder.
        quiet: No progress on standard error.
        say: Takes a line about each run that is started.
        helpers: Lets other processes work on the plan and waits for them; told how many runs are left.

    Returns:
        The plan's finished runs by their keys, and a line for each that failed.

    Raises:
        KeyboardInterrupt: On the first Ctrl-C too. Finished runs stay, and the one at hand is resumed next time.
        UsageError: The folder cannot be written to.
    """
    worker = Worker(plan, paths, quiet, say)
    worker.forgive()
    left = sum(not worker.is_there(planned) for planned in plan)
    if left < len(plan):
        say(reused(len(plan) - left, len(plan), "run"))
    if helpers and left:
        helpers(left)
    worker.make_and_wait()
    made = {planned.key: worker.runs[planned.key] for planned in plan if planned.key in worker.runs}
    return made, list(worker.failures.values())
