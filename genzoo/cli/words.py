"""The words of a command line: options that stand anywhere, and those that belong to a model."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import itertools
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genzoo.core.command import VERBS
from genzoo.core.errors import UsageError
from genzoo.system.messages import warn
from genzoo.system.streams import standard_error

OF_A_RUN = ("run", "resume", "bench", "race", "sweep")
"""Verbs that take options of `genzoo run`, which are parsed in a second pass."""

ENDINGS = {"csv": ".csv", "markdown": ".md", "html": ".html"}
"""The endings of files in the formats that verbs print."""
RUNS_AS_CSV = "FOLDER --csv"
"""What stands in a hint for the folder of the runs."""
HIDES_ONE, GENERAL = re.compile("-[pqv]."), re.compile(r"-[qv]*(p(.*\.py)?)?", flags=re.DOTALL)
"""Words that begin as options of every command do, and those that are such options."""


def add_general_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that may stand before or after any verb."""
    general = parser.add_argument_group("options of every command, anywhere on the line")
    general.add_argument("-q", "--quiet", action="store_true", help="show no progress")
    more = "tell more: what computes, where data are, seconds of each stage; -vv: all, with tracebacks"
    general.add_argument("-v", "--verbose", action="count", default=0, help=more)
    general.add_argument("--json", action="store_true", help="print one JSON document: genzoo help json")
    general.add_argument("--debug", action="store_true", help="the same as -vv")
    general.add_argument("-p", dest="plugin_files", action="append", type=Path, default=[], metavar="FILE.py",
                         help="load a Python file as a plugin (may be repeated)")  # fmt: skip


def general_help() -> str:
    """Return the options of every command as a part of a help."""
    parser = argparse.ArgumentParser(add_help=False, usage=argparse.SUPPRESS)
    add_general_options(parser)
    return parser.format_help()


def take_general_options(parser: argparse.ArgumentParser, words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Parse the options of every command; return them and the other words. -paper is a word, not -p aper."""
    hidden = [f"\0{word}" if HIDES_ONE.match(word) and not GENERAL.fullmatch(word) else word for word in words]
    general, rest = parser.parse_known_args(hidden)
    return general, [word.removeprefix("\0") for word in rest]


def add_verbs(parser: argparse.ArgumentParser, words: Sequence[str]) -> Any:
    """Add the verb that words begin with, or all verbs; return the subparsers."""
    verbs = parser.add_subparsers(dest="verb", prog="genzoo", help=argparse.SUPPRESS, parser_class=type(parser))
    for verb in [word for word in words[:1] if word in VERBS] or VERBS:  # all of them take 15 ms
        importlib.import_module(f"genzoo.cli.{verb.replace('-', '_')}").add_verb(verbs)
    return verbs


def listing(words: list[str], parser: argparse.ArgumentParser | None) -> list[str]:
    """Return the words of a verb that has verbs below it, with the one that takes folders where a folder stands alone.

    Args:
        words: The verb, and what follows.
        parser: That of the verb; its default `folder_verb` names the verb below it, if there is one.
    """
    if parser is None or parser.get_default("folder_verb") is None:
        return words
    below = {
        name for action in parser._actions if isinstance(action, argparse._SubParsersAction) for name in action.choices
    }
    named = [os.sep in word or os.path.isdir(word) for word in words[1:] if not word.startswith("-")]
    verb_first = words[1:2] and not words[1].startswith("-") and not named[0]
    folders = any(named) and not verb_first
    return [words[0], parser.get_default("folder_verb"), *words[1:]] if folders and not below & {*words} else words


def refuse_file(typed: Sequence[str], rest: Sequence[str], parser: argparse.ArgumentParser) -> None:
    """Refuse a file for what a verb prints in a format, as in `--csv FILE` and `--csv --out FILE`, or another format.

    Args:
        typed: All words of the command line.
        rest: Those that the parser does not know.
        parser: That of the verb.

    Raises:
        UsageError: With the command that writes it.
    """
    every = {f"--{name}": ending for name, ending in ENDINGS.items()}
    own = parser._option_string_actions
    formats = {name: ending for name, ending in every.items() if name in own and own[name].dest == "format"}
    for place, (before, word) in enumerate(itertools.pairwise(typed)):
        suffix = Path(word).suffix
        named = before in formats and not word.startswith("-")
        if named and (word in rest or (suffix == formats[before] and not Path(word).is_dir())):
            form, stray = before, [word]
        elif before == "--out" and before in rest and suffix in formats.values():
            form, stray = next(name for name, ending in formats.items() if ending == suffix), [before, word]
        else:
            continue
        kept = [*typed[: place + 2 - len(stray)], *typed[place + 2 :]]
        command = shlex.join(["genzoo", *kept, *([] if form in kept else [form])])
        raise UsageError(f"unrecognised: {' '.join(stray)}", f"{form} prints: {command} > {shlex.quote(word)}")
    if every.keys() & {*rest} and parser.prog.removeprefix("genzoo ") not in OF_A_RUN:
        command = shlex.join(["genzoo", *(word for word in typed if word not in rest), "--json"])
        raise UsageError(f"unrecognised: {' '.join(rest)}", f"JSON: {command} > FILE.json")


OF_OTHER_VERBS = {
    "--seeds": "genzoo bench {0} {1}",
    "--grid": "genzoo sweep {0} {1}",
    "--search": "genzoo sweep {0} {1}",
    "--trials": "genzoo sweep {0} {1} --search NAME=A..B",
    "--budget": "genzoo race {0},OTHER {1}",
}
"""Options of commands that train several runs, and those commands for a model and a dataset."""


def of_other_verb(words: Sequence[str], model: str, dataset: str) -> UsageError | None:
    """Return the error for an option of a command that trains several runs, with that command; None for any other.

    Args:
        words: The option, perhaps its value, and others.
        model: The model of the command that has the option.
        dataset: Its dataset.
    """
    spelling, equals, _ = words[0].partition("=")
    if spelling not in OF_OTHER_VERBS:
        return None
    own = words[: 1 if equals else 2]
    command = OF_OTHER_VERBS[spelling].format(model, dataset)
    verb = " ".join(command.split()[:2])
    return UsageError(f"{spelling} is an option of {verb}", shlex.join([*command.split(), *own]))


def refuse_elsewhere(words: Sequence[str], verb: str, not_here: Mapping[str, str], folder: Path) -> None:
    """Refuse options that are not for a verb that makes many runs.

    Args:
        words: The words behind the verb.
        verb: The verb.
        not_here: What to type instead, by option.
        folder: That of the runs.

    Raises:
        UsageError: Saying what to type.
    """
    for word in words:
        if (spelling := word.partition("=")[0]) in not_here:
            raise UsageError(
                f"{spelling} is not for {verb}", not_here[spelling].replace(RUNS_AS_CSV, f"{folder} --csv")
            )


def add_formats(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add an option for each format that a verb can print beside text; `format` is the one that was typed."""
    for name in names:
        parser.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=f"print {name}")
    parser.set_defaults(format="text")


def add_data_root(parser: argparse.ArgumentParser) -> None:
    """Add the folder of raw data files."""
    parser.add_argument("--data-root", type=data_folder, metavar="FOLDER", help="folder of raw data files")


def data_folder(text: str) -> Path:
    """Return the folder of `--data-root`; warn if it is not there."""
    if not Path(text).is_dir():
        warn(f"--data-root {text}: no such folder", "it is made where data are downloaded")
    return Path(text)


def add_sort(parser: argparse.ArgumentParser) -> None:
    """Add the metric that rows are sorted by."""
    text = "best first, by the validation data if all rows have it there (default: the first metric that all rows have)"
    parser.add_argument("--sort", metavar="METRIC", help=text)


@contextlib.contextmanager
def verbosity(level: int) -> Iterator[None]:
    """Within the context, write what genzoo logs to standard error.

    Args:
        level: 0: nothing; 1: what Python calls info; 2: debug too, and the tracebacks of errors.
    """
    if not level:
        yield
        return
    import logging  # 10 ms

    handler = logging.StreamHandler(standard_error())
    handler.setFormatter(logging.Formatter("%(message)s" if level == 1 else "%(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("genzoo")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if level == 1 else logging.DEBUG)
    if level > 1:
        os.environ["GENZOO_DEBUG"] = "1"
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def verb_of(words: Sequence[str]) -> str:
    """Return the verb of a command line, and its second word if it is a verb below that one; "" without a verb."""
    from genzoo.cli.json_schemas import schemas

    before = ["", *words]
    named = [word for word, last in zip(words, before, strict=False) if not word.startswith("-") and last != "-p"]
    first, second = [*named, "", ""][:2]
    return f"{first} {second}" if f"{first} {second}" in schemas() else first


def take_other_options(words: list[str], parser: argparse.ArgumentParser) -> tuple[list[str], list[str]]:
    """Separate options that a verb's parser does not know, each with its values, from the other words.

    An option has one value, or several numbers.
    """
    taken: list[str] = []
    rest: list[str] = []
    known = {spelling for action in parser._actions for spelling in action.option_strings}
    takes_value = takes_number = False
    for word in words:
        is_other = word.startswith("--") and word.partition("=")[0] not in {*known, "--"}
        is_value = not word.startswith("--") and (takes_value or (takes_number and is_number(word)))
        (taken if is_other or is_value else rest).append(word)
        takes_value = is_other and "=" not in word
        takes_number = takes_value or (is_value and is_number(word))
    return taken, rest


def is_number(word: str) -> bool:
    """Return whether a word is a number."""
    try:
        float(word)
    except ValueError:
        return False
    return True
