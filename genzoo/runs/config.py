"""The resolved configuration of a run: names and all options; written to and read from files."""

from __future__ import annotations

import dataclasses
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from genzoo.core.errors import UsageError, did_you_mean
from genzoo.core.late import late
from genzoo.core.options import OptionError, from_json, option, to_json
from genzoo.core.text import as_typed
from genzoo.registry.configs import as_json, default_config, default_sampling, differing, without_sampling
from genzoo.registry.entries import Entry, Registry
from genzoo.runs.sections import PARTS, Sections
from genzoo.system.reading import DEEPEST, parse_json, read_text, refuse_odd, unread
from genzoo.training.config import Training

SECTIONS = ("model", "loss", "data", "training")
"""The tables of a stored configuration."""
TABLES = {"model": "model", "loss": "loss", "data": "data", "train": "train", "training": "train"}
"""The section that each table of a file for `--config` stands for."""
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
        """
        model_entry = registry.get("model", model)
        own_loss = registry.loss_of(model_entry)
        loss_entry = registry.get("loss", loss) if loss else own_loss
        names = (model, loss or registry.spelling(loss_entry), dataset)
        return cls(model_entry, loss_entry, registry.get("dataset", dataset), names, loss_entry == own_loss)

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
            training=default_training(self.model),
            sampling=default_sampling(self.model, self.model.options),
        )


def default_training(model: Entry) -> Training:
    """Return the trainer's options with the defaults of a model's registration.

    Raises:
        UsageError: An option is unknown or has an invalid value.
    """
    return from_json(Training, as_json(model.training), f"registration of model {model.name!r}")


@dataclass(frozen=True)
class RunConfig:
    """Names and options of a run. With the same versions they repeat the run exactly."""

    components: Components
    model_config: Any
    loss_config: Any
    data_config: Any
    training: Training
    sampling: Any
    """How the model draws samples unless asked otherwise: an instance of its `Sampling`."""

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
            "model": {"name": self.model, **to_json(self.model_config), **to_json(self.sampling)},
            "loss": {"name": self.loss, **to_json(self.loss_config)},
            "data": {"name": self.dataset, **to_json(self.data_config)},
            "training": to_json(self.training),
        }

    def _repr_html_(self) -> str:
        html: str = late("genzoo.reporting.card:options_html")(self)
        return html

    def changed(self) -> dict[str, str]:
        """Return the options that are not at their defaults, as they are typed: {"--lr": "0.01"}."""
        defaults, found = self.components.defaults(), {}
        for part in PARTS:
            for name, (_, value) in differing(getattr(defaults, part), getattr(self, part)).items():
                found[option(self.sections.key(part, name))] = as_typed(value)
        return found

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
        model_values, sampling_values = without_sampling(entries.model.load(), sections["model"])
        return cls(
            components=entries,
            model_config=from_json(entries.model.load().Config, model_values, where),
            loss_config=from_json(entries.loss.load().Config, sections["loss"], where),
            data_config=from_json(entries.dataset.load().Config, sections["data"], where),
            training=from_json(Training, sections["training"], where),
            sampling=from_json(entries.model.load().Sampling, sampling_values, where),
        )

    @cached_property
    def sections(self) -> Sections:
        """Which part each option belongs to, and how it is spelled."""
        return Sections({part: type(getattr(self, part)) for part in PARTS})

    def replace(self, data: Mapping[str, Any], options: Mapping[str, Any]) -> RunConfig:
        """Return a copy with some options changed.

        Args:
            data: Options of the dataset.
            options: Options of any part. A name that several parts have needs its section, as in "model.schedule".

        Raises:
            UsageError: An option is unknown or ambiguous, or a value is wrong.
        """
        changes: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
        for key, value in {**{f"data.{name}": value for name, value in data.items()}, **options}.items():
            found = self.sections.find(key)
            if found is None:
                known = [self.sections.key(*one) for one in self.sections]
                if (name := key.removeprefix("data_")) in self.sections.names["data_config"]:
                    typed = f"{option(f'data.{name}')} {shlex.quote(as_typed(value))}"
                    raise UsageError(f"{key!r} is an option of the dataset", f"write: {typed}")
                close = re.sub(r"'(data\.\w+)'", lambda found: option(found[1]), did_you_mean(key, known))
                what = f"unknown option {key.removeprefix('data.')!r}.{close}"
                raise UsageError(what, f"known: {', '.join(known)}")
            changes[found[0]][found[1]] = value
        return dataclasses.replace(self, **{part: self._changed(part, changed) for part, changed in changes.items()})

    def _changed(self, part: str, changed: Mapping[str, Any]) -> Any:
        """Return one of the configs with options changed."""
        config = getattr(self, part)
        try:
            return from_json(type(config), {**to_json(config), **as_json(changed)})
        except OptionError as error:
            raise self.respelled(error) from None

    def respelled(self, error: OptionError) -> OptionError:
        """Return the error of a wrong value with the option as users type it."""
        part = next(part for part in PARTS if issubclass(error.config, type(getattr(self, part))))
        named, _, rest = error.message.partition(" ")
        spelling = option(self.sections.key(part, error.name))
        error.message = f"{spelling} {rest}" if named == option(error.name) else error.message
        return error


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
        raise UsageError(f"--config {unread(path, error)}", FORM) from None
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

    Each key is an option without its dashes. A table is a section: the keys of [data] are --data.… options. `name` in a
    table is the name of the model, the loss or the dataset.

    Raises:
        UsageError: A value has a type that no option has.
    """
    arguments: list[str] = []
    for key, value in values.items():
        if isinstance(value, dict) and key in TABLES:
            section = TABLES[key]
            for name, inner in value.items():
                named = name == "name" and section != "train"
                spelling = {"data": "dataset"}.get(section, section) if named else f"{section}.{name}"
                arguments += _argument(spelling, inner, where)
        elif isinstance(value, dict):
            tables = ", ".join(f"[{table}]" for table in TABLES if table != "training")
            raise UsageError(f"{where}: no table [{key}].{did_you_mean(key, TABLES)}", f"tables: {tables}")
        else:
            arguments += _argument({"data": "dataset"}.get(key, key), value, where)
    return arguments


def _argument(name: str, value: Any, where: str) -> list[str]:
    if value is None or isinstance(value, (str, int, float, list)):
        return to_words(option(name), value)
    raise UsageError(f"{where}: {name} cannot be a {type(value).__name__}", FORM)


def to_words(spelling: str, value: Any) -> list[str]:
    """Return an option with its value as words of a command line."""
    if isinstance(value, bool):
        section, dot, plain = spelling.removeprefix("--").rpartition(".")
        return [spelling if value else f"--{section}{dot}no-{plain}"]
    return [spelling, *map(str, value)] if isinstance(value, list) else [spelling, str(value)]
