"""The options of a stored configuration as they are typed, beside their defaults. Needs torch the first time only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from genzoo.core.errors import GenzooError
from genzoo.core.options import option, to_json
from genzoo.core.text import as_typed
from genzoo.registry.answer_cache import cached
from genzoo.registry.current import registry
from genzoo.runs.config import SECTIONS, TABLES, Components, to_words
from genzoo.runs.reference import shortened
from genzoo.runs.sections import PARTS


def typed_options(config: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the value and the default of each option of a stored configuration: {"--lr": ("0.01", "0.001")}.

    A default may be that of the model's registration; it is "" where model, loss or dataset are not installed.
    """
    return {spelling: (as_typed(shortened(value)), default) for spelling, default, value in _options(config)}


def repeated(config: Mapping[str, Any]) -> list[str]:
    """Return the words of a command line that repeats a stored configuration, without options at their defaults."""
    words = ["genzoo", "run", config["model"]["name"], "--dataset", config["data"]["name"]]
    words += ["--loss", config["loss"]["name"]]
    for spelling, default, value in _options(config):
        if as_typed(shortened(value)) != default:
            words += to_words(spelling, value)
    return words


def _options(config: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield spelling, default as it is typed and value of each option of a stored configuration."""
    names = [config["model"]["name"], config["data"]["name"], config["loss"]["name"]]
    try:
        usual = cached(["typed options", *names], lambda: _usual(*names))
    except GenzooError:
        usual = {}
    for section in SECTIONS:
        for name, value in config[section].items():
            spelling, default = usual.get(f"{section}.{name}", (option(f"{TABLES[section]}.{name}"), ""))
            if name != "name" or section == "training":
                yield spelling, default, value


def _usual(model: str, dataset: str, loss: str) -> dict[str, tuple[str, str]]:
    """Return the spelling and the default of each option, by its section and name in a stored configuration."""
    defaults = Components.find(registry(), model, dataset, loss).defaults()
    stored = {"train": "training"}
    return {
        f"{stored.get(section, section)}.{name}": (option(defaults.sections.key(part, name)), as_typed(value))
        for part, section in PARTS.items()
        for name, value in to_json(getattr(defaults, part)).items()
    }


def changed(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the options of a stored configuration that are not at their defaults, as they are typed."""
    return {name: value for name, (value, default) in typed_options(config).items() if value != default}
