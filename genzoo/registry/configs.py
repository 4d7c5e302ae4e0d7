"""Options of registered entries: default values, names of fields, differences between configs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from genzoo.core.options import NoOptions, from_json
from genzoo.registry.entries import Entry


def default_config(entry: Entry, options: Mapping[str, Any]) -> Any:
    """Return a Config of an entry's class, with these options changed.

    Raises:
        UsageError: An option is unknown or has an invalid value.
        PluginError: The entry's class cannot be imported.
    """
    cls = entry.load()
    own, _ = without_sampling(cls, options) if entry.kind == "model" else (options, {})
    return from_json(cls.Config, as_json(own), f"registration of {entry.kind} {entry.name!r}")


def default_sampling(model: Entry, options: Mapping[str, Any]) -> Any:
    """Return an instance of a model's `Sampling`, with these options changed; those of its Config are ignored.

    Raises:
        UsageError: An option has an invalid value.
        PluginError: The entry's class cannot be imported.
    """
    cls = model.load()
    _, sampling = without_sampling(cls, options)
    return from_json(cls.Sampling, as_json(sampling), f"registration of model {model.name!r}")


def without_sampling(model: Any, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Separate a model's options, which are stored together, into those of its Config and those of its Sampling."""
    names = field_names(getattr(model, "Sampling", NoOptions))
    rest = {name: value for name, value in options.items() if name not in names}
    return rest, {name: value for name, value in options.items() if name in names}


def as_json(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with tuples as lists, as in JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}


def differing(before: Any, now: Any) -> dict[str, tuple[Any, Any]]:
    """Return the options in which two configs of one class differ, as (before, now)."""
    pairs = {name: (getattr(before, name), getattr(now, name)) for name in field_names(type(before))}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def field_names(config: type) -> tuple[str, ...]:
    """Return the names of a config's options."""
    return tuple(field.name for field in dataclasses.fields(config))
