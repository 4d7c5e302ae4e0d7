"""Options of the models, losses and datasets that `genzoo check` runs, such as --model.hidden 16 or --data.on RUN."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genzoo.cli.option_values import tyro_words
from genzoo.cli.options import read_words
from genzoo.comparison.references import find
from genzoo.core.errors import UsageError, did_you_mean
from genzoo.core.options import option
from genzoo.core.run_reference import run_references
from genzoo.registry.configs import default_config, default_sampling, differing, field_names
from genzoo.registry.current import registry
from genzoo.registry.entries import WITH_OPTIONS, Entry, Kind
from genzoo.runs.reference import pin

SECTIONS: dict[Kind, str] = {"model": "model", "loss": "loss", "dataset": "data", "metric": "metric"}
"""The section that the options of each kind are typed with."""


@dataclass(frozen=True)
class Typed:
    """An option of the command line."""

    spelling: str
    """Such as "--model.hidden"."""
    values: list[str]

    @property
    def section(self) -> str:
        """The part before the dot; empty if there is none."""
        return self.spelling.lstrip("-").rpartition(".")[0]

    @property
    def name(self) -> str:
        """The name of the field, without "no-" of a switch that is off."""
        return re.sub("^no-", "", self.spelling.lstrip("-").rpartition(".")[2]).replace("-", "_")

    @property
    def words(self) -> list[str]:
        """The option as tyro reads it, without its section."""
        return [f"--{self.spelling.lstrip('-').rpartition('.')[2]}", *self.values]


def with_options(entries: Sequence[Entry], datasets: Sequence[str], words: Sequence[str], runs: Path) -> list[Entry]:
    """Return the entries with other defaults, and register these and those of their losses and datasets as well.

    Args:
        entries: What is checked.
        datasets: Names of the datasets whose examples models and losses are checked on.
        words: Options, each with its values.
        runs: The folder of runs that options which name one are looked up in.

    Raises:
        UsageError: An option belongs to none of them or to several kinds, or a value is wrong.
    """
    asked = [registry().get("dataset", name) for name in datasets]
    losses = [registry().loss_of(entry) for entry in entries if entry.kind == "model"]
    concerned = {(one.kind, one.full_name): one for one in [*entries, *losses, *asked] if one.kind in WITH_OPTIONS}
    given: dict[tuple[Kind, str], list[str]] = {}
    for typed in parsed(words):
        for owner in owners(typed, list(concerned.values())):
            given.setdefault((owner.kind, owner.full_name), []).extend(typed.words)
    for key, own in given.items():
        concerned[key] = changed(concerned[key], own, runs)
        registry().replace(concerned[key])
    return [concerned.get((entry.kind, entry.full_name), entry) for entry in entries]


def parsed(words: Sequence[str]) -> Iterator[Typed]:
    """Yield the options of words of a command line."""
    found: list[Typed] = []
    for word in words:
        if word.startswith("--"):
            spelling, equals, value = word.partition("=")
            found.append(Typed(spelling, [value] if equals else []))
        else:
            found[-1].values.append(word)
    yield from found


def owners(typed: Typed, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries of one kind that have an option.

    Raises:
        UsageError: None has it, or entries of several kinds do.
    """
    fields = {(entry.kind, entry.full_name): options_of(entry) for entry in entries}
    known = [f"--{SECTIONS[e.kind]}.{name.replace('_', '-')}" for e in entries for name in fields[e.kind, e.full_name]]
    having = [
        e for e in entries if typed.name in fields[e.kind, e.full_name] and typed.section in ("", SECTIONS[e.kind])
    ]
    kinds = {entry.kind for entry in having}
    if len(kinds) > 1:
        ways = " or ".join(option(f"{SECTIONS[kind]}.{typed.name}") for kind in sorted(kinds))
        raise UsageError(f"{typed.spelling} belongs to several sections: write {ways}")
    if not having:
        names = [entry.name for entry in entries]
        close = did_you_mean(typed.spelling, [*known, *(f"--{one.rpartition('.')[2]}" for one in known)])
        raise UsageError(
            f"no option {typed.spelling} of {', '.join(names) or 'what is checked'}.{close}",
            f"options: genzoo info {names[0]}" if names else "type: genzoo check --help",
        )
    return having


def options_of(entry: Entry) -> tuple[str, ...]:
    """Return the names of an entry's options."""
    cls = entry.load()
    return field_names(cls.Config) + (field_names(cls.Sampling) if entry.kind == "model" else ())


def changed(entry: Entry, words: list[str], runs: Path) -> Entry:
    """Return an entry with these options as its defaults, its runs pinned."""
    new = dict(entry.options)
    parts: list[Any] = [default_config(entry, entry.options)]
    parts += [default_sampling(entry, entry.options)] if entry.kind == "model" else []
    for own in parts:
        names = field_names(type(own))
        mine = [word for typed in parsed(words) if typed.name in names for word in typed.words]
        if not mine:
            continue
        try:
            read, _ = read_words(type(own), tyro_words(mine, (own, str)), default=own)
        except UsageError as error:
            error.hint = error.hint or f"options: genzoo info {entry.name}"
            raise
        new |= {name: value for name, (_, value) in differing(own, read).items()}
        new |= {name: str(pin(find(text, runs).path)) for name, text in run_references(read).items()}
    return replace(entry, options=new)
