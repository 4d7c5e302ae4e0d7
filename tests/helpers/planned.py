"""A planned run that takes milliseconds: a small VAE on 200 points of the plane."""

from __future__ import annotations

from typing import Any

from genzoo.experiment.console import Console
from genzoo.experiment.data import load
from genzoo.experiment.job import Job
from genzoo.experiment.plan import Plan
from genzoo.registry.current import registry
from genzoo.runs.config import Components, RunConfig
from genzoo.system.distributed import ALONE

DATA = {"train": 200, "validation": 60, "test": 100}
SMALL = {"hidden": (8,), "latent_dim": 1, "batch_size": 50, "epochs": 2, "device": "cpu"}


def planned(model: str = "vae", dataset: str = "moons", data: dict[str, Any] | None = None, **options: Any) -> Plan:
    """Return the plan of a run."""
    return Plan(configured(model, dataset, data, **options), ALONE)


def configured(
    model: str = "vae", dataset: str = "moons", data: dict[str, Any] | None = None, **options: Any
) -> RunConfig:
    """Return its configuration."""
    return (
        Components.find(registry(), model, dataset).defaults().replace(DATA if data is None else data, SMALL | options)
    )


def loaded(plan: Plan, quiet: bool = True) -> Job:
    """Return the run with its data loaded and its model built."""
    training = plan.config.training
    console = Console(training.batch_size, quiet)
    return Job(plan, load(plan, None, console, warn=True), console, ALONE)
