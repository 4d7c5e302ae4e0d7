"""Loading the data of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from genzoo.core.dataset import Splits
from genzoo.core.errors import UsageError
from genzoo.data.resident import standardisation
from genzoo.data.run_data import RunData
from genzoo.data.splits import refuse_odd_labels
from genzoo.data.store import Store
from genzoo.experiment.console import Console
from genzoo.experiment.plan import Plan


def load(
    plan: Plan,
    data_root: Path | None,
    console: Console,
    warn: bool,
    accept: Callable[[Store, Splits], None] = lambda store, splits: None,
) -> RunData:
    """Load the data of a planned run, seen as its options ask.

    Args:
        plan: The run.
        data_root: Where raw files lie, instead of the usual places.
        console: Prints where the data come from and what is odd about them.
        warn: Whether warnings are printed: by one of several processes only.
        accept: Called with what was loaded, before anything is made of it; may raise.

    Raises:
        GenzooError: The data cannot be read.
        UsageError: They do not fit the options.
    """
    training = plan.config.training
    store = Store(data_root, say=console.say)
    splits = plan.dataset.load(store)
    accept(store, splits)
    for note in store.notes:
        console.say(note)
    for warning in store.warnings if warn else ():
        console.warn(warning)
    refuse_odd_labels(splits, plan.spec.classes, plan.config.dataset)
    spec = plan.spec
    if training.standardize != "none":
        shift, scale = standardisation(splits.train)
        spec = spec._replace(shift=shift, scale=scale)
    if training.patience and splits.validation is None:
        raise UsageError("--patience needs validation data to judge by", "leave --data.validation at its default")
    return RunData(store, splits, spec, plan.device, training.binarize, training.stream, console.say, plan.augment)
