"""All choices of one run, resolved, and how they are written down and read back."""

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
"""Bytes of a configuration file, the largest of which have a thousand: reading TOML costs more than its length."""


@dataclass(frozen=True)
class Components:
    """The three registered things a run consists of, with their classes."""

    model: Entry
    loss: Entry
    dataset: Entry
    names: tuple[str, str, str]
    """Model, loss and dataset as they were asked for: "name", or "distribution/name"."""
    own_loss: bool
    """Whether the loss is the one the model is registered with."""

    @classmethod
    def find(cls, registry: Registry, model: str, dataset: str, loss: str = "") -> Components:
        """Looks the names up; without `loss`, the one the model is registered with.

        Raises:
            UsageError: An unknown name.
            PluginError: A plugin that cannot be imported, or whose options collide with others'.
        """
        model_entry = registry.get("model", model)
        own_loss = registry.loss_of(model_entry)
        loss_entry = registry.get("loss", loss) if loss else own_loss
        names = (model, loss or registry.spelling(loss_entry), dataset)
        components = cls(model_entry, loss_entry, registry.get("dataset", dataset), names, loss_entry == own_loss)
        components.refuse_shared_options()
        return components

    def defaults(self) -> RunConfig:
        """Every option at its default, those of the registrations included."""
        loss_options = dict(self.loss.options)
        if self.own_loss:
            loss_options.update(self.model.loss_options)
        model, loss, dataset = self.names
        return RunConfig(
            model=model,
            loss=loss,
            dataset=dataset,
            model_config=default_config(self.model, self.model.options),
            loss_config=default_config(self.loss, loss_options),
            data_config=default_config(self.dataset, self.dataset.options),
            training=Training(),
        )

    def refuse_shared_options(self) -> None:
        """Model, loss and trainer share the command line: a name may belong to one of them only."""
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
    """Names and options of a run: with the same versions it gives the same run again."""

    model: str
    loss: str
    dataset: str
    model_config: Any
    loss_config: Any
    data_config: Any
    training: Training

    def to_json(self) -> dict[str, Any]:
        """Four sections of plain JSON values."""
        return {
            "model": {"name": self.model, **to_json(self.model_config)},
            "loss": {"name": self.loss, **to_json(self.loss_config)},
            "data": {"name": self.dataset, **to_json(self.data_config)},
            "training": to_json(self.training),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], registry: Registry, where: str) -> RunConfig:
        """The inverse of `to_json`.

        Raises:
            UsageError: An unknown name or option, a wrong type or value; `where` is named.
        """
        try:
            sections = {section: dict(values[section]) for section in SECTIONS}
            names = [sections[section].pop("name") for section in ("model", "data", "loss")]
            if not all(isinstance(name, str) for name in names):
                raise TypeError
        except (KeyError, TypeError, ValueError):
            raise UsageError(f"{where} is no resolved configuration: it needs {', '.join(SECTIONS)}") from None
        found = Components.find(registry, *names)
        return cls(
            model=names[0],
            dataset=names[1],
            loss=names[2],
            model_config=from_json(found.model.load().Config, sections["model"], where),
            loss_config=from_json(found.loss.load().Config, sections["loss"], where),
            data_config=from_json(found.dataset.load().Config, sections["data"], where),
            training=from_json(Training, sections["training"], where),
        )

    def replace(self, data: Mapping[str, Any], options: Mapping[str, Any]) -> RunConfig:
        """A copy with some options changed.

        Args:
            data: Options of the dataset.
            options: Options of model, loss or training, whichever has that name.

        Raises:
            UsageError: An option that none of them has, or a value that does not fit.
        """
        parts = {"model_config": self.model_config, "loss_config": self.loss_config, "training": self.training}
        owner = {name: part for part, config in parts.items() for name in field_names(type(config))}
        changes: dict[str, dict[str, Any]] = {"data_config": {}, **{part: {} for part in parts}}
        for name, value in options.items():
            changes[owner.get(name, "training")][name] = value  # an unknown one is refused by name just below
        changes["data_config"].update(data)
        for part, changed in changes.items():
            unknown = set(changed) - set(field_names(type(getattr(self, part))))
            if unknown:
                everything = [*owner, *(f"data.{name}" for name in field_names(type(self.data_config)))]
                raise unknown_option(sorted(unknown)[0], everything)
        return dataclasses.replace(self, **{part: self._changed(part, changed) for part, changed in changes.items()})

    def _changed(self, part: str, changed: Mapping[str, Any]) -> Any:
        """One of the configs with other options."""
        config = getattr(self, part)
        try:
            return from_json(type(config), {**to_json(config), **as_json(changed)})
        except UsageError as error:
            if part == "data_config":  # they have a prefix wherever they are typed
                error.message = error.message.replace("--", "--data.", 1)
            raise


def unknown_option(name: str, known: list[str]) -> UsageError:
    """The error for an option that nobody has."""
    return UsageError(f"unknown option {name!r}.{did_you_mean(name, known)}", f"known: {', '.join(known)}")


def read_file(path: Path) -> dict[str, Any]:
    """A configuration file, TOML or JSON, as nested tables.

    Raises:
        UsageError: It is not there or not well-formed; the line is named.
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
    """TOML without keys of endless parts: tomllib takes seconds and gigabytes for "a.a.a…" of a few pages.

    Raises:
        ValueError: It is not well-formed.
    """
    if any(part.count(".") > DEEPEST for part in re.split(r"[=,\n{}\[\]]", text)):
        raise ValueError("nested too deeply")
    return tomllib.loads(text)


def to_arguments(values: Mapping[str, Any], where: str) -> list[str]:
    """A configuration file as the command line that says the same, so that one parser checks both.

    Each key is an option without its dashes. The tables [model], [loss] and [training] only group (their `name`
    is the model's or the loss's); those of [data] are the --data.… options.

    Raises:
        UsageError: A value that no option could have.
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
