"""What `genzoo.run` is given as data: a registered name, arrays of the program, or a dataset object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from genzoo.core.dataset import KeepsArrays
from genzoo.core.errors import GenzooError, UsageError, listed
from genzoo.core.options import to_json
from genzoo.data.locations import locations
from genzoo.registry.current import register_dataset, registry
from genzoo.registry.data_paths import refuse_path
from genzoo.registry.entries import Entry
from genzoo.runs.run import Run

LABELS = "labels"
"""The key of `data` that holds the classes of arrays."""


def named(given: Any, data: Mapping[str, Any], command: str = "genzoo run MODEL") -> tuple[str, dict[str, Any]]:
    """Return the name and the options of the dataset that something given stands for.

    Args:
        given: The name of a dataset; examples, or a pair (examples, labels); a `genzoo.Dataset`; or a dataset of
            torch whose items are examples or such pairs.
        data: Options of the dataset. For arrays, "labels" are the classes of the examples.
        command: What is typed before the name of a dataset, for the error of a path in its place.

    Raises:
        UsageError: It is none of these.
    """
    if isinstance(given, (str, Path)):
        given = str(given)
        refuse_path(given, command)
        return given, dict(data)
    if hasattr(given, "spec") and hasattr(given, "load"):
        return of_object(given, data)
    options = dict(data)
    x, labels = pair(given, options.pop(LABELS, None))
    entry = keeper()
    return registry().spelling(entry), {**options, **entry.load().keep(x, labels)}


def pair(given: Any, labels: Any) -> tuple[Any, Any]:
    """Return examples and their labels.

    Raises:
        UsageError: It is nothing that has examples, or has labels twice.
    """
    if given is None or isinstance(given, (int, float, Mapping, type)) or callable(given):
        hint = "give a name, an array, a tensor, a DataFrame, a pair (x, labels), or a dataset object"
        names = listed("datasets", registry().names("dataset"), "genzoo list --kind dataset")
        raise UsageError(f"dataset cannot be {given!r}", f"{hint}\n{names}")
    if isinstance(given, Dataset):
        given = items_of(given)
    if isinstance(given, tuple) and len(given) == 2:
        if labels is not None:
            raise UsageError("the labels are there twice: in the pair (x, labels) and in data", "leave one of them out")
        return given
    return given, labels


def items_of(dataset: Any) -> Any:
    """Return the items of a dataset of torch as one array, or as the pair of examples and labels."""
    items = [dataset[place] for place in range(len(dataset))]
    if not items:
        raise UsageError("the dataset is empty", "give one with examples")
    if not isinstance(items[0], (tuple, list)) or len(items[0]) != 2:
        return np.stack([np.asarray(item[0] if isinstance(item, (tuple, list)) else item) for item in items])
    parts = zip(*items, strict=True)
    return tuple(np.stack([np.asarray(item) for item in part]) for part in parts)


def keeper() -> Entry:
    """Return the registered dataset that keeps arrays: that of genzoo's own package if there are several.

    Raises:
        UsageError: No plugin has one.
    """
    entries = sorted(registry().matching("dataset"), key=lambda entry: entry.origin.distribution != "genzoo")
    found = next(filter(keeps_arrays, entries), None)
    if found is None:
        raise UsageError("no plugin here keeps arrays", "write them to a file, and name a dataset of files")
    return found


def keeps_arrays(entry: Entry) -> bool:
    """Return whether the class of an entry keeps arrays; one that cannot be imported does not."""
    try:
        return isinstance(entry.load(), KeepsArrays)
    except GenzooError:
        return False


def of_object(dataset: Any, data: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the options of a `genzoo.Dataset`, whose class is registered for this process if it is not.

    Raises:
        UsageError: It was not made of a configuration.
    """
    kind = type(dataset)
    config = getattr(dataset, "config", None)
    if not hasattr(kind, "Config") or not isinstance(config, kind.Config):
        hint = "its class has a Config, and is made of one: Mine(Mine.Config(…)), which keeps it as self.config"
        raise UsageError(f"the dataset of class {kind.__name__} does not say what it was made of", hint)
    known = [entry for entry in registry().matching("dataset") if entry.target is kind or is_named(entry, kind)]
    if not known:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__).lower().strip("_").replace("_", "-")
        register_dataset(name, kind)
        known = [registry().get("dataset", name)]
    return registry().spelling(known[0]), {**to_json(config), **data}


def is_named(entry: Entry, kind: type) -> bool:
    """Return whether an entry's target is the import string of a class."""
    return entry.target == f"{kind.__module__}:{kind.__qualname__}"


def given_again(run: Run, given: Any) -> dict[str, Any]:
    """Return the options of a run's dataset that change when its data are given again.

    Args:
        run: The run.
        given: Where the data are now, such as {"path": "there.npz"}; or what `genzoo.run` was given.

    Raises:
        UsageError: They are not the data of the run.
    """
    if isinstance(given, Mapping):
        return dict(given)
    before = run.config
    name, options = named(given, {})
    config = before.data_config
    if registry().get("dataset", name) != before.components.dataset:
        raise UsageError(f"{run.path} was trained on {before.dataset}, and this is {name}", "give its own data")
    free = locations(config)
    changed = {key: value for key, value in options.items() if key not in free and getattr(config, key, value) != value}
    if changed:
        (key, value), was = next(iter(changed.items())), getattr(config, next(iter(changed)))
        what = f"these are not the data that {run.path} was trained on: {key} {value}, not {was}"
        raise UsageError(what, "give the same examples in the same order, with the same labels")
    return {key: value for key, value in options.items() if key in free}
