"""`--on NAME`: what verbs that train do elsewhere, by a launcher."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from genzoo.core.errors import UsageError
from genzoo.core.options import OptionError, option
from genzoo.system.json_output import json_result
from genzoo.system.streams import tell

if TYPE_CHECKING:
    from genzoo.core.launcher import Launcher
    from genzoo.registry.entries import Entry


def add_launching(parser: argparse.ArgumentParser) -> None:
    """Add `--on`."""
    text = "start this by a launcher, such as slurm, with its options --slurm.time 120 …, and return; genzoo info slurm"
    parser.add_argument("--on", metavar="LAUNCHER", help=text)


def take_launcher(options: argparse.Namespace) -> Launcher | None:
    """Return the launcher of `--on` with its options, which are removed from the others; None without `--on`.

    Raises:
        UsageError: There is no such launcher, an option is wrong, or it cannot start anything here.
    """
    if not options.on:
        return None
    from genzoo.registry.current import registry

    entry = registry().get("launcher", options.on)
    options.rest, own = split(options.rest, entry.name)
    launcher: Launcher = entry.load()(parsed(entry, own))
    return launcher


def launch(launcher: Launcher, options: argparse.Namespace, changes: Sequence[str], n: int, told: str) -> int:
    """Start the command that was typed n times, without what concerns the launcher; print what was started.

    Args:
        launcher: Starts it.
        options: The parsed options of the verb.
        changes: Words to add to the command.
        n: How many copies.
        told: Where its results will be, for a line on standard error.
    """
    words, _ = split(options.command, options.on.rpartition("/")[2])
    words = without(words, "--on", "--workers")
    ids = launcher.start([sys.executable, "-m", "genzoo", *words, *changes], n)
    print("\n".join(ids), flush=True)
    json_result(started=ids)
    tell(f"started on {options.on}; {told}")
    return 0


def split(words: Sequence[str], name: str) -> tuple[list[str], list[str]]:
    """Return the words that are not of a launcher, and its own: options such as --slurm.time with their values."""
    others: list[str] = []
    own: list[str] = []
    is_own = False
    for word in words:
        is_own = word.startswith(f"--{name}.") if word.startswith("--") else is_own
        (own if is_own else others).append(word)
        is_own = is_own and "=" not in word and word.startswith("--")
    return others, own


def without(words: Sequence[str], *names: str) -> list[str]:
    """Return words without some options, each of which has one value."""
    left: list[str] = []
    value = False
    for word in words:
        if value or word.partition("=")[0] in names:
            value = not value and "=" not in word
        else:
            left.append(word)
    return left


def parsed(entry: Entry, words: list[str]) -> Any:
    """Return the options of a launcher from its words.

    Raises:
        UsageError: An option is unknown, or has a wrong value.
    """
    import tyro

    from genzoo.cli.options import read_words
    from genzoo.registry.configs import default_config

    default = default_config(entry, entry.options)
    cls: Any = type(default)
    kind = Annotated[cls, tyro.conf.arg(name=entry.name)]
    field = ("launcher", kind, dataclasses.field(default=default))
    hint = f"all of them: genzoo info {entry.name}"
    try:
        found, unknown = read_words(dataclasses.make_dataclass("options", [field]), words)
    except UsageError as error:
        if isinstance(error, OptionError):
            error.message = error.message.replace(option(error.name), option(f"{entry.name}.{error.name}"), 1)
        error.hint = error.hint or hint
        raise
    if unknown:
        raise UsageError(f"no option {unknown[0]}", hint)
    return found.launcher
