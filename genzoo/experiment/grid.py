"""Options with several values: a grid of all their combinations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from genzoo.core.errors import UsageError
from genzoo.core.options import option
from genzoo.core.text import names_in

MOST_COMBINATIONS = 10_000


@dataclass(frozen=True)
class Axis:
    """An option and the values that it takes in turn."""

    option: str
    """As it is typed, such as "--latent-dim"."""
    values: tuple[str, ...]


def axis(text: str) -> Axis:
    """Return the axis of a text such as "beta=1,2,4"; "|" stands between values that are lists: "hidden=64,32|128".

    Raises:
        UsageError: It names no option or no value.
    """
    name, values = name_and_values(text, "--grid", "beta=1,2,4")
    if any(".." in value for value in values):
        raise UsageError(f"--grid {text}: a grid has no ranges", f"name each value, or: --search {text}")
    return Axis(name, tuple(dict.fromkeys(values)))


def name_and_values(text: str, flag: str, example: str) -> tuple[str, list[str]]:
    """Return the option, as it is typed, and the values of a text such as "beta=1,2,4" or "hidden=100|200".

    Args:
        text: What was typed behind the flag.
        flag: "--grid" or "--search", for messages.
        example: What might have been typed.

    Raises:
        UsageError: It names no option or no value.
    """
    name, equals, rest = text.partition("=")
    parts = rest.split("|") if "|" in rest else names_in(rest)
    values = [value for part in parts if (value := part.strip())]
    if not (equals and values and name.strip("- ")):
        raise UsageError(f"{flag} {text}: an option and its values are needed", f"write: {flag} {example}")
    return option(name.strip().lstrip("-").replace("-", "_")), values


def combinations(axes: Sequence[Axis]) -> list[dict[str, str]]:
    """Return every combination of the values of some options, the last option first to change.

    Raises:
        UsageError: An option stands there twice, or there are too many combinations.
    """
    names = [one.option for one in axes]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} is in the grid twice", f"name all its values at once: {name.lstrip('-')}=1,2,4")
    if (count := math.prod(len(one.values) for one in axes)) > MOST_COMBINATIONS:
        how = "leave values out, or search them: --search lr=1e-4..1e-2:log --trials 50"
        raise UsageError(f"the grid has {count:,} combinations, and may have {MOST_COMBINATIONS:,}", how)
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(one.values for one in axes))]


def words(options: Iterable[tuple[str, str]]) -> list[str]:
    """Return options and their values as words of a command line; "true" and "false" are those of a switch."""
    found: list[str] = []
    for name, value in options:
        if value in ("true", "false"):
            section, dot, plain = name.removeprefix("--").rpartition(".")
            found.append(name if value == "true" else f"--{section}{dot}no-{plain}")
        else:
            found += [name, *names_in(value)]
    return found
