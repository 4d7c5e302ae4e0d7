"""Values of options as users type them: lists with commas, ranges, none."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

from genzoo.core.errors import UsageError
from genzoo.core.options import option
from genzoo.core.text import list_in, names_in


def tyro_words(words: list[str], *parts: tuple[Any, Callable[[str], str]]) -> list[str]:
    """Return words of a command line as tyro takes them: the items of lists as separate words, and none as None.

    Args:
        words: Options and values.
        *parts: Configs that the options belong to, each with a function from the name of a field to the option's.

    Raises:
        UsageError: A range runs backwards or is too long.
    """
    lists = {option(key(name)): kind for config, key in parts for name, kind in lists_of(config).items()}
    return with_lists(words, lists, [option(key(name)) for config, key in parts for name in optional_in(config)])


def lists_of(config: Any) -> dict[str, str]:
    """Return the options of a config that take several numbers, and whether these are "int" or "float"."""
    hints = typing.get_type_hints(type(config))
    kinds = {name: re.search(r"tuple\[(int|float),", str(hint)) for name, hint in hints.items()}
    return {name: found[1] for name, found in kinds.items() if found}


def optional_in(config: Any) -> list[str]:
    """Return the options of a config that may be none, and are no texts."""
    hints = typing.get_type_hints(type(config))
    return [name for name, hint in hints.items() if type(None) in (of := typing.get_args(hint)) and str not in of]


def with_lists(words: list[str], lists: Mapping[str, str], optional: Collection[str] = ()) -> list[str]:
    """Return words as tyro takes them: the numbers of a list are separate words, and none is None.

    `--hidden 64,32` and `--hidden=64,32` become 64 32. Ranges of whole numbers are spelled out: 0-2 becomes 0 1 2.
    """
    split: list[str] = []
    current = ""
    for word in words:
        spelling, equals, value = word.partition("=") if word.startswith("--") else (current, "=", word)
        current, given = spelling, [spelling] * word.startswith("--")
        if equals and value in ("none", "None") and current in optional:
            split += [*given, "None"]
        elif equals and current in lists:
            numbers = list_in(value, current) if lists[current] == "int" else names_in(value)
            refuse_no_numbers(numbers, current, lists[current])
            split += [*given, *numbers]
        else:
            split.append(word)
    return split


def refuse_no_numbers(words: list[str], name: str, kind: str) -> None:
    """Refuse words of a list that are no numbers of its kind, "int" or "float".

    Raises:
        UsageError: Naming the first one.
    """
    for word in words:
        try:
            int(word) if kind == "int" else float(word)
        except ValueError:
            what, such = ("whole number", "400,200") if kind == "int" else ("number", "0.5,1.5")
            raise UsageError(f"{name}: {word!r} is no {what}", f"write numbers, such as {name} {such}") from None
