"""`--on NAME`: what verbs that train do elsewhere, by a launcher."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from genzoo.core.errors import UsageError
from genzoo.core.options import OptionError, option

if TYPE_CHECKING:
    from genzoo.core.launcher import Launcher
    from genzoo.registry.entries import Entry

MOST_WORKERS = 10_000


def add_launching(parser: argparse.ArgumentParser, workers: bool) -> None:
    """Add `--on`, and `--workers` to a verb whose runs several processes share."""
    text = "start this by a launcher, such as slurm, with its options --slurm.time 120 …, and return; genzoo info slurm"
    parser.add_argument("--on", metavar="LAUNCHER", help=text)
    if workers:
        parser.add_argument("--workers", type=int, metavar="N", help="with --on: how many processes (default: 1)")


def take_launcher(options: argparse.Namespace) -> Launcher | None:
    """Return the launcher of `--on` with its options, which are removed from the others; None without `--on`.

    Raises:
        UsageError: There is no such launcher, an option is wrong, or it cannot start anything here.
    """
    workers = getattr(options, "workers", None)
    if not options.on:
        if workers is not None:
            raise UsageError("--workers is for runs elsewhere: --on LAUNCHER", "by processes here: --jobs N")
        return None
    if workers is not None and not 1 <= workers <= MOST_WORKERS:
        raise UsageError(f"--workers {workers}: not from 1 to {MOST_WORKERS:,}", "such as --workers 8")
    from genzoo.registry.current import registry

    entry = registry().get("launcher", options.on)
    options.rest, own = split(options.rest, entry.name)
    launcher: Launcher = entry.load()(parsed(entry, own))
    return launcher


def launch(launcher: Launcher, options: argparse.Namespace, changes: Sequence[str], told: str) -> int:
    """Start the command that was typed, without what concerns the launcher; print what was started.

    Args:
        launcher: Starts it.
        options: The parsed options of the verb.
        changes: Words to add to the command.
        told: Where its results will be, for a line on standard error.
    """
    from genzoo.cli.bench import say

    words, _ = split(options.command, options.on.rpartition("/")[2])
    words = without(words, "--on", "--workers")
    ids = launcher.start([sys.executable, "-m", "genzoo", *words, *changes], getattr(options, "workers", None) or 1)
    print("\n".join(ids), flush=True)
    say(f"started on {options.on}: {len(ids)} of {' '.join(['genzoo', *words[:3]])} …; {told}")
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
    kind = Annotated[type(default), tyro.conf.arg(name=entry.name)]
    field = ("launcher", kind, dataclasses.field(default=default))
    try:
        found, unknown = read_words(dataclasses.make_dataclass("options", [field]), words)
    except OptionError as error:
        error.message = error.message.replace(option(error.name), option(f"{entry.name}.{error.name}"), 1)
        raise
    if unknown:
        raise UsageError(f"no option {unknown[0]}", f"all of them: genzoo info {entry.name}")
    return found.launcher
