"""The names that a bench or a race is of, and lists that were typed with blanks instead of commas."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence

from genzoo.cli.words import is_number
from genzoo.core.errors import UsageError

WITH_COMMAS = ("--seeds", "--grid", "--search", "--models", "--baselines")
"""Options whose values stand in one word, with commas between them."""

NAMED = ("--grid", "--search")
"""Those whose word begins with the option that has the values: beta=1,2."""


def take_names(options: argparse.Namespace) -> None:
    """Take models and dataset from the first words, where options do not give them.

    Raises:
        UsageError: A list is several words.
    """
    refuse_blanks(options.command)
    refuse_blanks_in_models(options)
    for name in ("models", "dataset"):
        if getattr(options, name) is None and options.rest and not options.rest[0].startswith("-"):
            setattr(options, name, options.rest.pop(0))


def refuse_blanks(command: Sequence[str]) -> None:
    """Refuse an option of several values that are several words.

    Args:
        command: All words of the command line.

    Raises:
        UsageError: With the command as it should be.
    """
    for place, word in enumerate(command):
        flag, equals, value = word.partition("=")
        first = place if equals else place + 1
        if flag not in WITH_COMMAS or first >= len(command):
            continue
        whole, end = value if equals else command[first], first + 1
        text, named = whole, flag not in NAMED or "=" in whole
        while end < len(command) and goes_on(flag, text, command[end]):
            text = joined(flag, text, command[end])
            end += 1
        if end > first + 1:
            corrected = [*command[:first], f"{flag}={text}" if equals else text, *command[end:]]
            raise with_commas(flag, corrected) if named and whole[-1:] != "=" else with_equals(flag, corrected)


def joined(flag: str, text: str, word: str) -> str:
    """Return what was typed of an option's values with one more word of them: "beta" and "1,2" are "beta=1,2"."""
    if flag not in NAMED:
        return f"{text},{word}"
    name, _, values = text.partition("=")
    return f"{name}={f'{values},' if values else ''}{word.removeprefix('=')}"


def goes_on(flag: str, text: str, word: str) -> bool:
    """Return whether a word is one more value behind what was typed of an option's values."""
    from genzoo.registry.current import registry

    if flag in NAMED and "=" not in text and word.startswith("="):
        return True
    if word.startswith("-") or "=" in word:
        return False
    first = text.partition("=")[2].partition(",")[0] if flag in NAMED else text.partition(",")[0]
    if flag in NAMED and not first:
        return not registry().called(word, ["model", "dataset"])
    if flag == "--seeds" or is_number(first):
        return is_number(word.partition("-")[0] if flag == "--seeds" else word)
    is_model = bool(registry().called(word, ["model"]))
    return is_model if flag in ("--models", "--baselines") else not (is_model or registry().called(word, ["dataset"]))


def with_commas(what: str, corrected: Sequence[str]) -> UsageError:
    """Return the error for a list with blanks."""
    return UsageError(f"{what}: commas without blanks stand between several", shlex.join(["genzoo", *corrected]))


def with_equals(what: str, corrected: Sequence[str]) -> UsageError:
    """Return the error for a blank between an option and its values."""
    return UsageError(
        f"{what}: = without blanks stands between an option and its values", shlex.join(["genzoo", *corrected])
    )


def refuse_blanks_in_models(options: argparse.Namespace) -> None:
    """Refuse several models that are several words before or beside the dataset.

    Raises:
        UsageError: With the command as it should be.
    """
    from genzoo.registry.current import registry

    if options.models is not None:
        return
    count = next((place for place, word in enumerate(options.rest) if word.startswith("-")), len(options.rest))
    words = options.rest[:count]
    models, dataset = (words, []) if options.dataset is not None else (words[:-1], words[-1:])
    if len(models) < 2 or not all(registry().called(one, ["model"]) for name in models for one in name.split(",")):
        return
    typed, joined = list(options.command), [",".join(models), *dataset]
    start = next((n for n in range(len(typed)) if typed[n : n + count] == words), None)
    corrected = [options.verb, *joined] if start is None else [*typed[:start], *joined, *typed[start + count :]]
    raise with_commas("models", corrected)


def grid_of(command: Sequence[str], rest: Sequence[str]) -> str:
    """Return a command of which an option has several values as one with a grid of them; "" if none has."""
    for place, word in enumerate(rest):
        name, equals, value = word.partition("=")
        several = value if equals else rest[place + 1] if place + 1 < len(rest) else ""
        if name.startswith("--") and "," in several and word in command:
            at = list(command).index(word)
            grid = ["--grid", f"{name.lstrip('-')}={several}"]
            return shlex.join(["genzoo", *command[:at], *grid, *command[at + (1 if equals else 2) :]])
    return ""
