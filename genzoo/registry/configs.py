"""Options of registered entries: default values, names of fields, differences between configs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from genzoo.core.options import from_json
from genzoo.registry.entries import Entry


def default_config(entry: Entry, options: Mapping[str, Any]) -> Any:
    """Return a Config of an entry's class, with these options changed.

    Raises:
        UsageError: An option is unknown or has an invalid value.
        PluginError: The entry's class cannot be imported.
    """
    return from_json(entry.load().Config, as_json(options), f"registration of {entry.kind} {entry.name!r}")


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
