"""Registry entries, the plugins they come from, and how a name is resolved."""

from __future__ import annotations

import contextlib
import fnmatch
import importlib
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from genzoo.core.command import VERBS
from genzoo.core.errors import GenzooError, PluginError, UsageError, did_you_mean, listed
from genzoo.core.hookspecs import PartKind
from genzoo.core.theory import Theory
from genzoo.registry.moved import current_name

Kind = Literal["model", "loss", "dataset", "metric", "command", "listener", "launcher", PartKind]
KINDS: tuple[Kind, ...] = get_args(Kind)
PARTS: tuple[PartKind, ...] = get_args(PartKind)
"""The kinds of parts of models."""
WITH_OPTIONS: tuple[Kind, ...] = ("model", "loss", "dataset", "metric", "launcher")
"""The kinds whose classes have a `Config`."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
TARGET = re.compile(r"\w+(\.\w+)*:\w+")

broken: set[str] = set()
"""The full names of the entries whose classes could not be imported in this process."""


@dataclass(frozen=True)
class Origin:
    """The source of a plugin."""

    distribution: str
    """The installed package, or the file given with -p."""
    version: str
    plugin: str
    """The entry point's name in that package."""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".strip()


@dataclass(frozen=True)
class Entry:
    """One registered model, loss, dataset, metric, command, listener, launcher or part."""

    kind: Kind
    name: str
    """The name that users type, in kebab-case."""
    target: str | type
    """"package.module:Class", imported on first use; or the class itself, in a notebook."""
    summary: str
    origin: Origin
    paper: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Defaults that differ from those of the class's Config."""
    loss: str = ""
    """For a model: the loss that trains it by default."""
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    """For a model: defaults that differ from those of the loss's Config."""
    in_every_run: bool = False
    """For a metric: whether every run reports it."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """For a model: defaults that differ from the trainer's."""
    theory: str | Theory = ""
    """"package.module:function", or the function itself, which yields `genzoo.Case`s; empty without theory."""

    @property
    def full_name(self) -> str:
        """The unambiguous name, "distribution/name"."""
        return f"{self.origin.distribution}/{self.name}"

    def load(self) -> Any:
        """Import and return the class of the entry.

        Raises:
            PluginError: The import fails, or the target is not a class.
        """
        if isinstance(self.target, type):
            return self.target
        try:
            cls = _named(self.target)
            if not isinstance(cls, type):
                raise TypeError(f"{self.target} is not a class")
            return cls
        except KeyboardInterrupt:
            raise
        except GenzooError as error:
            broken.add(self.full_name)
            raise PluginError(f"{self.kind} {self.name!r} of {self.origin}: {error.message}", error.hint) from error
        except BaseException as error:  # SystemExit and worse: a plugin must not end the program
            broken.add(self.full_name)
            raise PluginError(
                f"{self.kind} {self.name!r} of {self.origin} cannot be imported: {describe(error)}",
                f"pip install --upgrade {self.origin.distribution}\nfor the traceback: genzoo --debug …",
            ) from error

    def load_theory(self) -> Theory:
        """Import and return the function that yields the theory cases of an entry with theory.

        Raises:
            Exception: The import fails.
        """
        theory: Theory = self.theory if callable(self.theory) else _named(self.theory)
        return theory

    @property
    def theory_name(self) -> str:
        """The name of the theory's function, "package.module:function"; empty without theory."""
        return f"{self.theory.__module__}:{self.theory.__name__}" if callable(self.theory) else self.theory


def _named(target: str) -> Any:
    """Import what "package.module:name" names."""
    module, _, attribute = target.partition(":")
    with contextlib.redirect_stdout(sys.stderr):  # standard output is for results only
        return getattr(importlib.import_module(module), attribute)


def describe(error: BaseException) -> str:
    """Return the type and message of an exception as one line, truncated if it is long."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # a plugin's exception class with a broken __str__
        text = ""
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return line if len(line) <= 240 else f"{line[:239]}…"


def _refuse_malformed(entry: Entry) -> None:
    """Refuse an entry that would fail only later, in a listing or in a run of another entry."""
    if not isinstance(entry.name, str) or not NAME.fullmatch(entry.name):
        raise PluginError(f"{entry.kind} name {entry.name!r} is not kebab-case (a-z, 0-9 and -)", "such as my-model")
    if entry.kind == "command" and entry.name in VERBS:
        raise PluginError(f"command {entry.name!r} is one of genzoo's own")
    target = entry.target
    if not (isinstance(target, type) or (isinstance(target, str) and TARGET.fullmatch(target))):
        raise PluginError(f'{entry.kind} {entry.name!r}: the target is "package.module:Class", not {target!r}')
    if not all(isinstance(text, str) for text in (entry.summary, entry.paper, entry.loss)):
        raise PluginError(f"{entry.kind} {entry.name!r}: summary, paper and loss are texts")
    theory = entry.theory
    if not (callable(theory) or (isinstance(theory, str) and (not theory or TARGET.fullmatch(theory)))):
        raise PluginError(f'{entry.kind} {entry.name!r}: theory is "package.module:function", not {theory!r}')


@dataclass
class Registry:
    """All entries. A name that two packages claim belongs to neither, in any order of discovery."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, entries: Iterable[Entry]) -> None:
        """Add the entries of one plugin, all or none.

        Raises:
            PluginError: An entry is malformed, or its package registers the name twice.
        """
        new = list(entries)
        taken = {(entry.kind, entry.full_name) for entry in self.entries}
        for entry in new:
            _refuse_malformed(entry)
            if (entry.kind, entry.full_name) in taken:
                raise PluginError(f"{entry.kind} {entry.name!r} is registered twice")
            taken.add((entry.kind, entry.full_name))
        self.entries += new

    def replace(self, entry: Entry) -> None:
        """Add an entry, or replace the one with the same full name, for a notebook cell that is run again."""
        self.entries = [old for old in self.entries if (old.kind, old.full_name) != (entry.kind, entry.full_name)]
        self.add([entry])

    def matching(self, kind: Kind, pattern: str = "*") -> list[Entry]:
        """Return the entries of one kind whose name matches a glob, sorted by name."""
        found = [e for e in self.entries if e.kind == kind and fnmatch.fnmatchcase(e.name, pattern)]
        return sorted(found, key=lambda entry: (entry.name, entry.origin.distribution))

    def called(self, name: str, kinds: Iterable[Kind] = KINDS) -> list[Entry]:
        """Return the entries of these kinds with this name; `name` may be "distribution/name".

        A package that moved into genzoo and is not installed stands for genzoo.
        """
        order = {kind: number for number, kind in enumerate(kinds)}
        entries = [entry for entry in self.entries if entry.kind in order]
        found = [entry for entry in entries if name in (entry.name, entry.full_name)]
        found = found or [entry for entry in entries if entry.full_name == current_name(name)]
        return sorted(found, key=lambda entry: (order[entry.kind], entry.name, entry.origin.distribution))

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of one kind, sorted, without duplicates."""
        return tuple(dict.fromkeys(entry.name for entry in self.matching(kind)))

    def summaries(self, kind: Kind) -> dict[str, str]:
        """Return the summaries of one kind by their names."""
        return {entry.name: entry.summary for entry in self.matching(kind)}

    def get(self, kind: Kind, name: str) -> Entry:
        """Return the entry with this name; `name` may be "distribution/name".

        Raises:
            UsageError: The name is unknown, or several packages claim it.
        """
        found = self.called(name, [kind])
        if len(found) == 1:
            return found[0]
        if found:
            claims = " and ".join(str(entry.origin) for entry in found)
            ways = "\n".join(f"type {entry.full_name}" for entry in found)
            raise UsageError(f"{kind} {name!r} is claimed by {claims}", ways)
        known = self.names(kind)
        raise UsageError(
            f"no {kind} named {name!r}.{did_you_mean(name, self.summaries(kind))}",
            f"{listed('known', known, f'genzoo list --kind {kind}')}\nplugin not installed? genzoo plugins",
        )

    def loss_of(self, model: Entry) -> Entry:
        """Return the default loss of a model: from its own package, else from genzoo, else the only one of that name.

        So a package that registers its own "elbo" does not affect the models of other packages.
        """
        losses = {entry.full_name: entry for entry in self.matching("loss")}
        for distribution in (model.origin.distribution, "genzoo"):
            if loss := losses.get(f"{distribution}/{model.loss}"):
                return loss
        return self.get("loss", model.loss)

    def spelling(self, entry: Entry) -> str:
        """Return what to type for an entry: its name, or "distribution/name" if another package claims the name."""
        alone = [other.name for other in self.matching(entry.kind)].count(entry.name) == 1
        return entry.name if alone else entry.full_name

    def clashes(self) -> dict[tuple[Kind, str], list[Entry]]:
        """Return the names that more than one package claims, with their entries."""
        claims: dict[tuple[Kind, str], list[Entry]] = {}
        for entry in sorted(self.entries, key=lambda entry: entry.full_name):
            claims.setdefault((entry.kind, entry.name), []).append(entry)
        return {name: entries for name, entries in claims.items() if len(entries) > 1}
