"""What plugins register: entries, who brought them, and how a name is resolved."""

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
from genzoo.core.errors import GenzooError, PluginError, UsageError, did_you_mean
from genzoo.registry.moved import current_name

Kind = Literal["model", "loss", "dataset", "metric", "command", "listener"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WITH_OPTIONS: tuple[Kind, ...] = ("model", "loss", "dataset", "metric")
"""Those whose classes have a `Config`."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
TARGET = re.compile(r"\w+(\.\w+)*:\w+")


broken: set[str] = set()
"""The full names of entries whose classes could not be imported, in this process."""


@dataclass(frozen=True)
class Origin:
    """Where a plugin comes from."""

    distribution: str
    """The installed package, or the file given with -p."""
    version: str
    plugin: str
    """The entry point's name in that package."""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".strip()


@dataclass(frozen=True)
class Entry:
    """One registered model, loss, dataset, metric, command or listener."""

    kind: Kind
    name: str
    """kebab-case, as typed by the user."""
    target: str | type
    """"package.module:Class", imported when first used; or the class itself, in a notebook."""
    summary: str
    origin: Origin
    paper: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Defaults that differ from the class's own."""
    loss: str = ""
    """Models: the loss they are trained with unless the user names another."""
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    """Models: defaults of that loss which differ from its own."""
    in_every_run: bool = False
    """Metrics: whether each run reports it."""

    @property
    def full_name(self) -> str:
        """distribution/name: unambiguous, whatever else is installed."""
        return f"{self.origin.distribution}/{self.name}"

    def load(self) -> Any:
        """The class behind the entry, imported now.

        Raises:
            PluginError: The import fails or the class is not there.
        """
        if isinstance(self.target, type):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            with contextlib.redirect_stdout(sys.stderr):  # standard output carries results alone
                found = getattr(importlib.import_module(module), attribute)
            if not isinstance(found, type):
                raise TypeError(f"{self.target} is no class")
            return found
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


def describe(error: BaseException) -> str:
    """An exception as one line: its type and what it says, cut where that is long."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # an exception of a plugin's own, as broken as the plugin
        text = ""
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return line if len(line) <= 240 else f"{line[:239]}…"


def _refuse_malformed(entry: Entry) -> None:
    """Refuses what would only fail later, in a listing or a run that is not about this entry."""
    if not isinstance(entry.name, str) or not NAME.fullmatch(entry.name):
        raise PluginError(f"{entry.kind} name {entry.name!r} is not kebab-case (a-z, 0-9 and -)", "such as my-model")
    if entry.kind == "command" and entry.name in VERBS:
        raise PluginError(f"command {entry.name!r} is one of genzoo's own")
    target = entry.target
    if not (isinstance(target, type) or (isinstance(target, str) and TARGET.fullmatch(target))):
        raise PluginError(f'{entry.kind} {entry.name!r}: the target is "package.module:Class", not {target!r}')
    if not all(isinstance(text, str) for text in (entry.summary, entry.paper, entry.loss)):
        raise PluginError(f"{entry.kind} {entry.name!r}: summary, paper and loss are texts")


@dataclass
class Registry:
    """All entries. A name that two packages claim belongs to neither, in whatever order they were found."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, entries: Iterable[Entry]) -> None:
        """Adds what one plugin registered, all or nothing.

        Raises:
            PluginError: A name that is no kebab-case, one that the same package registers twice, or no proper target.
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
        """Adds an entry in place of one with the same full name: a notebook cell run again."""
        self.entries = [old for old in self.entries if (old.kind, old.full_name) != (entry.kind, entry.full_name)]
        self.add([entry])

    def matching(self, kind: Kind, pattern: str = "*") -> list[Entry]:
        """The entries of one kind whose name matches a glob, sorted by name."""
        found = [e for e in self.entries if e.kind == kind and fnmatch.fnmatchcase(e.name, pattern)]
        return sorted(found, key=lambda entry: (entry.name, entry.origin.distribution))

    def called(self, name: str, kinds: Iterable[Kind] = KINDS) -> list[Entry]:
        """Return the entries of these kinds that are called `name` or "distribution/name".

        A package that moved into genzoo and is not installed stands for genzoo.
        """
        entries = [entry for kind in kinds for entry in self.matching(kind)]
        found = [entry for entry in entries if name in (entry.name, entry.full_name)]
        return found or [entry for entry in entries if entry.full_name == current_name(name)]

    def names(self, kind: Kind) -> tuple[str, ...]:
        """The names of one kind, sorted, each once."""
        return tuple(dict.fromkeys(entry.name for entry in self.matching(kind)))

    def get(self, kind: Kind, name: str) -> Entry:
        """The entry called `name`, or "distribution/name".

        Raises:
            UsageError: Unknown (with suggestions), or claimed by several packages (named).
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
            f"no {kind} named {name!r}.{did_you_mean(name, known)}",
            f"known: {', '.join(known) or 'none'}\nplugin not installed? genzoo plugins",
        )

    def loss_of(self, model: Entry) -> Entry:
        """The loss a model is trained with by default: of its own package, else of genzoo, else the only one so called.

        So a package that claims "elbo" for itself changes nothing for the models of others.
        """
        own = {entry.full_name: entry for entry in self.matching("loss")}
        for distribution in (model.origin.distribution, "genzoo"):
            if loss := own.get(f"{distribution}/{model.loss}"):
                return loss
        return self.get("loss", model.loss)

    def spelling(self, entry: Entry) -> str:
        """What to type for an entry: its name, or "distribution/name" where another package claims that too."""
        alone = [other.name for other in self.matching(entry.kind)].count(entry.name) == 1
        return entry.name if alone else entry.full_name

    def clashes(self) -> dict[tuple[Kind, str], list[Entry]]:
        """Names claimed by more than one package."""
        claims: dict[tuple[Kind, str], list[Entry]] = {}
        for entry in sorted(self.entries, key=lambda entry: entry.full_name):
            claims.setdefault((entry.kind, entry.name), []).append(entry)
        return {name: entries for name, entries in claims.items() if len(entries) > 1}
