"""How messages spell options: as they are typed, `--latent-dim 2`, or as a program writes them, latent_dim=2.

Messages are written as they are typed. While no command runs, `spelled` turns them into Python. The value of an option
stands behind a blank where it is a number, a name in capitals, or a word before punctuation; else behind "=".
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from genzoo.core.command import VERBS

_typed = False
"""Whether a command of the command line runs."""
FLAGS = ("or_resume", "profile", "prune", "quiet")
"""Options without a value, which are True in Python."""
LISTS = ("listeners", "metrics", "models")
"""Options whose value is a list also where it has one item."""
MAPPINGS = ("grid", "search")
"""Options whose value maps options to values."""
CALLS = {"run": "run", "resume": "resume", "compare": "compare"}
"""The commands that are a function of the same arguments."""
NAMES = {"run": 2, "resume": 1, "compare": 1}
"""How many words such a command takes that are plain names; more of them are a sentence."""
SHELL = "in a shell"
"""What is said of a command that Python does not have."""
WORDS = ("and", "is", "need", "needs", "or", "out", "too")
"""Words that are no value, even before punctuation."""

_END = r"(?=$|\n|;[ ]|[ ]{2}|\)|[ ]\(in[ ]a[ ]shell|,[ ](?:or|and|which|in[ ]a)[ ]|[ ]and[ ]then[ ])"
_STANDS = re.compile(r"(^|[\n:;?(.]\s*|\bor )$")
"""The text before a command, where its words need not look like values."""
_QUOTED = r"'[^'\n]*'|\"[^\"\n]*\""
_VALUE = rf"{_QUOTED}|[^\s'\"-](?:[^\s]*[^\s,;:.?!)])?|-[\d.]\S*\b"
_AFTER = re.compile(r"$|[\n,;:.)]|( and| or)? --")
_FOREIGN = "apt-get|curl|mlflow|npm|pip|python3?|rm|sbatch|tensorboard|torchrun|trackio|wandb"
_PART = re.compile(
    rf"""(?P<foreign>\b(?:{_FOREIGN})\ [^\n]*?{_END})
    |\bgenzoo\ (?P<command>(?:-p\ \S+\ |--debug\ )*(?:{"|".join(VERBS)}|…)(?![\w-])[^\n]*?){_END}
    |(?<![\w-])--(?P<section>data\.|model\.|loss\.|train\.|)(?P<no>no-)?(?P<name>[a-z][\w-]*)
     (?:(?P<gap>[\ =])(?P<value>{_VALUE}))?""",
    re.VERBOSE,
)


@contextmanager
def as_typed(typed: bool = True) -> Iterator[None]:
    """Show messages as they are typed on the command line within the context, or as Python."""
    global _typed
    before, _typed = _typed, typed
    try:
        yield
    finally:
        _typed = before


def spelled(text: str) -> str:
    """Return a message for who reads it: as it is within a command, else with its options as Python has them."""
    return text if _typed or ("--" not in text and "genzoo " not in text) else _PART.sub(_in_python, text)


def _in_python(found: re.Match[str]) -> str:
    if found["foreign"]:
        return found[0]
    if found["command"]:
        return _command(found)
    name, value, text = found["name"].replace("-", "_"), found["value"] or "", found.string
    if found["gap"] == " " and not _is_value(value, text[found.end() :]):
        rest = found[0].removeprefix(found[0].partition(" ")[0])
        return _keyword(found["section"], name, "False" if found["no"] else "") + (spelled(rest) if rest else "")
    return _keyword(found["section"], name, "False" if found["no"] else literal(name, value))


def _is_value(word: str, rest: str) -> bool:
    """Return whether the word behind an option is its value, by the text behind both."""
    if re.fullmatch(r"[a-z][a-z-]*", word):
        return word not in WORDS and _AFTER.match(rest) is not None
    return bool(word)


def _keyword(section: str, name: str, value: str) -> str:
    """Return an option and its value as an argument of a function."""
    value = value or ("True" if name in FLAGS else "")
    if section == "data.":
        return f'data={{"{name}": {value or "…"}}}'
    return f'**{{"{section}{name}": {value or "…"}}}' if section else f"{name}={value}"


def literal(name: str, value: str) -> str:
    """Return the value of an option as Python writes it: 2, "auto", (64, 32), ["mse"], {"beta": [1, 2]}."""
    if name in MAPPINGS and (pair := re.fullmatch(r"([\w.-]+)=(.+)", value)):
        several = re.split(r"\|" if "|" in pair[2] else ",", pair[2])
        ranges = ".." in pair[2] or (name == "search" and len(several) == 1)
        values = _text(pair[2]) if ranges else f"[{', '.join(literal('', one) for one in several)}]"
        return f'{{"{pair[1].replace("-", "_")}": {values}}}'
    if name in LISTS and not _is_placeholder(value):
        return f"[{', '.join(map(_text, _inner(value).split(',')))}]" if value else ""
    if name == "seeds" and (ends := re.fullmatch(r"(\d+)(?:-|\.\.)(\d+)", value)):
        return f"range({ends[1]}, {int(ends[2]) + 1})" if int(ends[1]) else f"range({int(ends[2]) + 1})"
    if value in ("true", "false"):
        return value.title()
    items = value.split(",")
    if len(items) > 1 and all(map(_is_number, items)):
        return f"[{', '.join(items)}]" if name == "seeds" else f"({', '.join(items)})"
    return value if not value or _is_number(value) or _is_placeholder(value) else _text(value)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text) is not None


def _is_placeholder(text: str) -> bool:
    return re.fullmatch(r"[A-Z][A-Z0-9_-]*|…", text) is not None


def _inner(value: str) -> str:
    return value[1:-1] if re.fullmatch(_QUOTED, value) else value


def _text(value: str) -> str:
    inner = _inner(value)
    return f'"{inner}"' if '"' not in inner and "\\" not in inner else repr(inner)


def _command(found: re.Match[str]) -> str:
    """Return a command of genzoo as a call, or with "in a shell"; words of a sentence, "genzoo compare pairs", stay."""
    command, before = found["command"], found.string[: found.start()]
    verb, _, rest = command.partition(" ")
    if not (_STANDS.search(before) or before.endswith("&& ") or _is_argument(rest.partition(" ")[0])):
        return f"genzoo {verb}{spelled(f' {rest}') if rest else ''}"
    if not before.endswith("&& ") and (call := _call(command)):
        return call
    if re.match(rf",? \(?{SHELL}", found.string[found.end() :]):  # it was said before
        return found[0]
    return f"{found[0]}, {SHELL}" if before.count("(") > before.count(")") else f"{found[0]} ({SHELL})"


def _is_argument(word: str) -> bool:
    """Return whether a word behind a command is no word of a sentence: an option, a path, a number, or in capitals."""
    return re.match(r"-|['\"@…]|[A-Z]|.*[\d/=*{]|.*\.\w", word) is not None


def _call(command: str) -> str:
    """Return a command of genzoo as a call, such as genzoo.resume("runs/a", epochs=40); "" if Python has none."""
    try:
        verb, *words = shlex.split(command)
    except ValueError:
        return ""
    if {">", "|"} & {*words}:
        return ""
    helped = verb == "run" and words[-1:] == ["--help"]
    words = words[:-1] if helped else words
    function = "options" if helped else CALLS.get(verb, "")
    arguments, remaining = [], iter(words)
    for word in remaining:
        if not word.startswith("-"):
            arguments.append(literal("", word))
            continue
        name, value = word.removeprefix("--").replace("-", "_"), next(remaining, "")
        if name == "config" or not value or value.startswith("-") or not word.startswith("--"):
            return ""
        section, dot, name = name.rpartition(".")
        arguments.append(_keyword(section + dot, name, literal(name, value)))
    several = sum(one.startswith('"') and not _is_argument(one[1:-1]) for one in arguments) > NAMES.get(verb, 0)
    return f"genzoo.{function}({', '.join(arguments)})" if function and not several else ""
