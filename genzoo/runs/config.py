"""The resolved configuration of a run: names and all options; written to and read from files."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genzoo.core.errors import PluginError, UsageError, did_you_mean
from genzoo.core.options import from_json, option, to_json
from genzoo.registry.configs import as_json, default_config, field_names
from genzoo.registry.entries import Entry, Registry
from genzoo.system.reading import DEEPEST, parse_json, read_text, refuse_odd
from genzoo.training.config import Training

SECTIONS = ("model", "loss", "data", "training")
FORM = 'a TOML file has lines such as: model = "NAME", dataset = "NAME", epochs = 3; or give a run\'s config.json'

LARGEST = 1 << 16
"""Bytes of a configuration file; usual ones have a thousand. Parsing TOML takes more than linear time."""


@dataclass(frozen=True)
class Components:
    """The registered model, loss and dataset of a run."""

    model: Entry
    loss: Entry
    dataset: Entry
    names: tuple[str, str, str]
    """Model, loss and dataset as requested: "name" or "distribution/name"."""
    own_loss: bool
    """Whether the loss is the model's registered loss."""

    @classmethod
    def find(cls, registry: Registry, model: str, dataset: str, loss: str = "") -> Components:
        """Look up the names. Without `loss`, use the model's registered loss.

        Raises:
            UsageError: A name is unknown.
            PluginError: A plugin cannot be imported, or two of them share the name of an option.
        """
        model_entry = registry.get("model", model)
        own_loss = registry.loss_of(model_entry)
        loss_entry = registry.get("loss", loss) if loss else own_loss
        names = (model, loss or registry.spelling(loss_entry), dataset)
        components = cls(model_entry, loss_entry, registry.get("dataset", dataset), names, loss_entry == own_loss)
        components.refuse_shared_options()
        return components

    def defaults(self) -> RunConfig:
        """Return the configuration with every option at its default, including the defaults of registrations."""
        loss_options = dict(self.loss.options)
        if self.own_loss:
            loss_options.update(self.model.loss_options)
        return RunConfig(
            components=self,
            model_config=default_config(self.model, self.model.options),
            loss_config=default_config(self.loss, loss_options),
            data_config=default_config(self.dataset, self.dataset.options),
            training=Training(),
        )

    def refuse_shared_options(self) -> None:
        """Refuse an option that two of model, loss and trainer have: they share the command line.

        Raises:
            PluginError: There is such an option.
        """
        owners = dict.fromkeys(field_names(Training), "the trainer")
        for entry in (self.loss, self.model):
            for name in field_names(entry.load().Config):
                if name in owners:
                    raise PluginError(
                        f"{entry.kind} {entry.name!r} of {entry.origin} has an option {option(name)}, "
                        f"which {owners[name]} has too",
                        "rename the field in its Config",
                    )
                owners[name] = f"{entry.kind} {entry.name!r}"


@dataclass(frozen=True)
class RunConfig:
    """Names and options of a run. With the same versions they repeat the run exactly."""

    components: Components
    model_config: Any
    loss_config: Any
    data_config: Any
    training: Training

    @property
    def model(self) -> str:
        """The name of the model, as it was asked for."""
        return self.components.names[0]

    @property
    def loss(self) -> str:
        """The name of the loss, as it was asked for."""
        return self.components.names[1]

    @property
    def dataset(self) -> str:
        """The name of the dataset, as it was asked for."""
        return self.components.names[2]

    def to_json(self) -> dict[str, Any]:
        """Return four sections of JSON values."""
        return {
            "model": {"name": self.model, **to_json(self.model_config)},
            "loss": {"name": self.loss, **to_json(self.loss_config)},
            "data": {"name": self.dataset, **to_json(self.data_config)},
            "training": to_json(self.training),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], registry: Registry, where: str) -> RunConfig:
        """Return the configuration that `to_json` wrote.

        Raises:
            UsageError: A name or option is unknown, or a value is wrong; `where` is named.
        """
        try:
            sections = {section: dict(values[section]) for section in SECTIONS}
            names = [sections[section].pop("name") for section in ("model", "data", "loss")]
            if not all(isinstance(name, str) for name in names):
                raise TypeError
        except (KeyError, TypeError, ValueError):
            raise UsageError(f"{where} is not a resolved configuration: it needs {', '.join(SECTIONS)}") from None
        entries = Components.find(registry, *names)
        return cls(
            components=entries,
            model_config=from_json(entries.model.load().Config, sections["model"], where),
            loss_config=from_json(entries.loss.load().Config, sections["loss"], where),
            data_config=from_json(entries.dataset.load().Config, sections["data"], where),
            training=from_json(Training, sections["training"], where),
        )

    def replace(self, data: Mapping[str, Any], options: Mapping[str, Any]) -> RunConfig:
        """Return a copy with some options changed.

        Args:
            data: Options of the dataset.
            options: Options of model, loss and training; each name belongs to one of them.

        Raises:
            UsageError: An option is unknown, or a value is wrong.
        """
        parts = {"model_config": self.model_config, "loss_config": self.loss_config, "training": self.training}
        owner = {name: part for part, config in parts.items() for name in field_names(type(config))}
        changes: dict[str, dict[str, Any]] = {"data_config": {}, **{part: {} for part in parts}}
        for name, value in options.items():
            changes[owner.get(name, "training")][name] = value  # an unknown one is refused below
        changes["data_config"].update(data)
        for part, changed in changes.items():
            unknown = set(changed) - set(field_names(type(getattr(self, part))))
            if unknown:
                everything = [*owner, *(f"data.{name}" for name in field_names(type(self.data_config)))]
                raise unknown_option(sorted(unknown)[0], everything)
        return dataclasses.replace(self, **{part: self._changed(part, changed) for part, changed in changes.items()})

    def _changed(self, part: str, changed: Mapping[str, Any]) -> Any:
        """Return one of the configs with options changed."""
        config = getattr(self, part)
        try:
            return from_json(type(config), {**to_json(config), **as_json(changed)})
        except UsageError as error:
            if part == "data_config":  # users type these options with a prefix
                error.message = error.message.replace("--", "--data.", 1)
            raise


def unknown_option(name: str, known: list[str]) -> UsageError:
    """Return the error for an unknown option."""
    return UsageError(f"unknown option {name!r}.{did_you_mean(name, known)}", f"known: {', '.join(known)}")


def read_file(path: Path) -> dict[str, Any]:
    """Read a configuration file, TOML or JSON, as nested tables.

    Raises:
        UsageError: The file is missing or not well-formed; the line is named.
    """
    try:
        text = read_text(path, LARGEST)
        values = parse_json(text) if path.suffix == ".json" else parse_toml(text)
        refuse_odd(values)
    except OSError as error:
        raise UsageError(f"--config {path}: {error.strerror}", FORM) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--config {path}: {str(error) or 'nested too deeply'}", FORM) from None
    if not isinstance(values, dict):
        raise UsageError(f"--config {path}: a table of options is needed", FORM)
    return values


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML without deeply nested keys: tomllib takes seconds and gigabytes for a few pages of "a.a.a…".

    Raises:
        ValueError: The text is not well-formed, or nested too deeply.
    """
    if any(part.count(".") > DEEPEST for part in re.split(r"[=,\n{}\[\]]", text)):
        raise ValueError("nested too deeply")
    return tomllib.loads(text)


def to_arguments(values: Mapping[str, Any], where: str) -> list[str]:
    """Return a configuration file as equivalent command-line arguments, so that one parser checks both.

    Each key is an option without its dashes. The tables [model], [loss] and [training] only group options (their `name`
    is that of the model or the loss). Keys of [data] are --data.… options.

    Raises:
        UsageError: A value has a type that no option has.
    """
    arguments: list[str] = []
    for key, value in values.items():
        if isinstance(value, dict) and key in SECTIONS:
            prefix = "data." if key == "data" else ""
            named = {"model": "model", "loss": "loss", "data": "dataset", "training": "name"}[key]
            for name, inner in value.items():
                arguments += _argument(named if name == "name" else prefix + name, inner, where)
        elif isinstance(value, dict):
            tables = ", ".join(f"[{section}]" for section in SECTIONS)
            raise UsageError(f"{where}: no table [{key}].{did_you_mean(key, SECTIONS)}", f"tables: {tables}")
        else:
            arguments += _argument({"data": "dataset"}.get(key, key), value, where)
    return arguments


def _argument(name: str, value: Any, where: str) -> list[str]:
    spelling = option(name)
    if isinstance(value, bool):
        prefix, name = ("--data.", spelling[7:]) if spelling.startswith("--data.") else ("--", spelling[2:])
        return [spelling if value else f"{prefix}no-{name}"]
    if isinstance(value, list):
        return [spelling, *(str(item) for item in value)]
    if value is None or isinstance(value, (str, int, float)):
        return [spelling, str(value)]
    raise UsageError(f"{where}: {name} cannot be a {type(value).__name__}", FORM)
