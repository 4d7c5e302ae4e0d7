"""Train a model on data whose density is known: on average its ln p(x) is at most the true one.

The difference is KL(p‖model) plus, for a bound, what the bound misses: neither is negative (Gibbs' inequality). A model
above the truth is wrong, whatever its samples look like.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from genzoo.core.dataset import KnownDensity
from genzoo.core.errors import GenzooError
from genzoo.core.noise import derive_seed, seeded
from genzoo.core.theory import Case
from genzoo.evaluation.evaluate import evaluate
from genzoo.experiment.console import Console
from genzoo.experiment.data import load
from genzoo.experiment.job import Job
from genzoo.experiment.plan import Plan
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.registry.entries import Entry
from genzoo.runs.config import Components
from genzoo.system.distributed import ALONE

TRAINING: dict[str, Any] = {
    "epochs": 12,
    "lr": 3e-3,
    "grad_clip": 1.0,
    "device": "cpu",
    "mode": "eager",
    "listeners": (),
    "metrics": (),
}
"""A training of about a hundred steps on the default size of a generated dataset."""
ERRORS = 4.0
"""Standard errors of the mean difference on test data by which a model may be above the truth."""


def known_datasets() -> list[Entry]:
    """Return the registered datasets whose density is known with their defaults."""
    found = []
    for entry in registry().matching("dataset"):
        with contextlib.suppress(GenzooError):  # needs a file or a run
            if isinstance(entry.load()(default_config(entry, entry.options)), KnownDensity):
                found.append(entry)
    return found


def planned(model: Entry, dataset: Entry) -> Plan | None:
    """Return the plan of a short run; None if the model is not for these data, or has no ln p(x) and no bound on it."""
    try:
        components = Components.find(registry(), model.full_name, dataset.full_name)
        plan = Plan(components.defaults().replace({}, TRAINING), ALONE)
    except GenzooError:
        return None
    built, _ = plan.build(plan.spec)
    plan.metrics = {
        name: metric
        for name, metric in plan.metrics.items()
        if metric.role == "bound" and metric.refuses(built) is None
    }
    return plan if plan.metrics else None


def gaps(model: Entry, dataset: Entry) -> Iterator[Case]:
    """Train a model with its own loss for some seconds; yield how far each −ln p(x) is above that of the data.

    Args:
        model: A registered model.
        dataset: A registered dataset whose density is known.

    Yields:
        A one-sided case for each metric that is minus ln p(x) or a bound on it: the mean difference on the test data in
        nats, not below 0 by more than four standard errors of its mean over examples. Nothing if there is no such
        metric.
    """
    plan = planned(model, dataset)
    if plan is None:
        return
    with seeded(derive_seed(0, "known density")):
        console = Console(1, quiet=True)
        job = Job(plan, load(plan, None, console, warn=False), console, ALONE)
        job.trainer.fit()
        examples: dict[str, Any] = {}
        trained, test = job.trainer.trained.model, job.data.evaluated["test"]
        found = evaluate(trained, test, plan.metrics, train=job.data.fitted, examples=examples)
    for name, gap in job.evaluation.gaps(found, examples).items():
        if found["details"][name]["exactness"] != "estimate":
            what = f"{dataset.name}: {name} above that of the data, nats"
            yield Case(what, gap["nats"], 0.0, ERRORS * gap["standard_error"], one_sided=True)
