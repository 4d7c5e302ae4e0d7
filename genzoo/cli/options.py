"""The options of model, loss, dataset and trainer as one command line; tyro generates it from their dataclasses."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import re
import shlex
import typing
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from genzoo.cli.option_values import tyro_words
from genzoo.cli.words import of_other_verb
from genzoo.core.errors import GenzooError, UsageError, did_you_mean
from genzoo.core.options import OptionError, describe_fields, option
from genzoo.registry.configs import field_names
from genzoo.registry.current import registry
from genzoo.registry.entries import Entry
from genzoo.runs.config import TABLES, Components, RunConfig
from genzoo.runs.sections import OF_THE_VERB, PARTS, Sections
from genzoo.training.config import Training


def parse(components: Components, file_words: list[str], words: list[str], file: str) -> RunConfig:
    """Parse options. Those of the command line override those of a file.

    Args:
        components: Model, loss and dataset.
        file_words: Options of the file, as words of a command line.
        words: Options of the command line.
        file: The file, for messages.

    Raises:
        UsageError: An option is unknown or has a wrong value.
        SystemExit: After printing the help for --help.
    """
    defaults = components.defaults()
    model, _, dataset = components.names
    typed = {part: with_spellings(part, defaults.sections, getattr(defaults, part)) for part in PARTS}
    combined = dataclasses.make_dataclass(
        "options",
        [
            (
                GROUPS.get(part, part),
                kind,
                dataclasses.field(default=default, metadata={"help": GROUP_HELP.get(part, "")}),
            )
            for part, (kind, default) in typed.items()
        ],
        frozen=True,
        kw_only=True,
    )
    try:
        file_words = [defaults.sections.spelled(word) for word in file_words]
        keys = [(getattr(defaults, part), partial(defaults.sections.key, part)) for part in PARTS]
        words = tyro_words([defaults.sections.spelled(word) for word in words], *keys)
        parsed, unknown = read_words(
            combined,
            [*file_words, *words],
            prog=f"genzoo run {model} --dataset {dataset}",
            description=f"{components.model.summary}. Loss: {components.loss.name}.",
        )
    except OptionError as error:
        message = defaults.respelled(error).message
        raise UsageError(located(message, file, file_words, words)) from None
    except UsageError as error:
        error.message = located(error.message, file, file_words, words)
        raise
    if unknown:
        refuse(unknown, components, file, file_words)
    changed = {part: plain(getattr(parsed, GROUPS.get(part, part)), getattr(defaults, part)) for part in PARTS}
    return dataclasses.replace(defaults, **changed)


GROUPS = {"model_config": "model", "loss_config": "loss", "data_config": "data", "training": "train"}
"""The title of each part in the help, where it is not the part's name."""
GROUP_HELP = {"training": Training.__doc__ or ""}
"""The text below the title. Without one tyro would search sources for it, half of the time that it takes."""


def with_spellings(part: str, sections: Sections, config: Any) -> tuple[Any, Any]:
    """Return a class and an instance with the options of a config, spelled for tyro as `Sections.key` says."""
    cls = type(config)
    if part == "data_config":  # tyro writes --data. before each option
        return cls, config
    hints, values = typing.get_type_hints(cls, include_extras=True), vars(config)
    keys = {name: sections.key(part, name) for name in sections.names[part]}
    qualified = [
        (name, Annotated[hints[name], tyro.conf.arg(name=key)], dataclasses.field(default=values[name]))
        for name, key in keys.items()
        if key != name
    ]
    if qualified:
        cls = dataclasses.make_dataclass(cls.__name__, qualified, bases=(cls,), frozen=True, kw_only=True)
    without_prefix: Any = tyro.conf.OmitArgPrefixes
    return without_prefix[cls], cls(**values)


def plain(parsed: Any, like: Any) -> Any:
    """Return parsed options as an instance of the class of `like`."""
    return type(like)(**vars(parsed))


def read_words(kind: Any, words: list[str], **texts: Any) -> tuple[Any, list[str]]:
    """Return what tyro reads from words of the command line, and the words that it does not know.

    Raises:
        UsageError: A value is wrong; an `OptionError` if the option's own check says so.
        SystemExit: After printing the help for --help.
    """
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            parsed: tuple[Any, list[str]] = tyro.cli(kind, args=words, return_unknown_args=True, **texts)
            return parsed
    except SystemExit as stop:
        if not stop.code:
            raise
        message = one_line(errors.getvalue())
        raise UsageError(message, several_values(message)) from None


DECIMAL_COMMA = re.compile(r"--(\S+) must be a number, not '(-?\d+),(\d+)'")
SEVERAL = re.compile(r"--(\S+) must be a (?:whole )?number, not '([^',]+(?:,[^',]+)+)'")


def several_values(message: str) -> str:
    """Return what to type where an option that takes one number got several, or a comma for a point; else ""."""
    found, decimal = SEVERAL.fullmatch(message), DECIMAL_COMMA.fullmatch(message)
    several = f"to try several: genzoo sweep MODEL DATASET --grid {found[1]}={found[2]}" if found else ""
    if decimal:
        return f"decimals stand behind a point: {decimal[2]}.{decimal[3]}; {several}"
    return f"it takes one value; {several}" if found else ""


WRONG_TYPE = re.compile(r"Error parsing (--\S+): .*(int|float)\(?\)?(?: with base 10)?: (.*)")
WRONG_FORM = re.compile(r"Error parsing (--\S+): .*(?:valid parse for arguments:|instantiated from) \[(.*)\]\.?")
WRONG_CHOICE = re.compile(
    r"Error parsing (--\S+): no type matching (INT|FLOAT)\|\{(\S+)\} could be instantiated from \[(.*)\]\.?"
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""What tyro writes into its messages where standard output is a terminal."""
KINDS = {"int": "a whole number", "float": "a number"}


def one_line(box: str) -> str:
    """Return the message of a tyro error box, which has a title, a message, a rule and advice."""
    lines = [line.strip("│╭╮╰╯| \n") for line in COLOUR.sub("", box).splitlines()[1:]]
    message = itertools.takewhile(lambda line: set(line) - {"─", "-"}, itertools.dropwhile(is_rule, lines))
    text = " ".join(message)
    if wrong := WRONG_TYPE.fullmatch(text):
        return f"{wrong[1]} must be {KINDS[wrong[2]]}, not {wrong[3]}"
    if wrong := WRONG_CHOICE.fullmatch(text):
        return f"{wrong[1]} must be {KINDS[wrong[2].lower()]} or {wrong[3].replace(',', ' or ')}, not {wrong[4]}"
    if wrong := WRONG_FORM.fullmatch(text):
        return f"{wrong[1]} cannot be {wrong[2]}"
    return text


def is_rule(line: str) -> bool:
    """Return whether a line is a horizontal rule or empty."""
    return not set(line) - {"─", "-"}


def located(message: str, file: str, file_words: list[str], words: list[str]) -> str:
    """Return a message, after file and line if the option that it names came from a file."""
    named = re.search(r"--[\w.-]*\w", message)
    if named and named[0] in file_words and named[0] not in (word.partition("=")[0] for word in words):
        return f"{file}{line_of(file, named[0])}: {message}"
    return message


def refuse(unknown: list[str], components: Components, file: str, file_words: list[str]) -> None:
    """Refuse an unknown option.

    Raises:
        UsageError: Always; the message names its owner or a similar option.
    """
    word = next((word for word in unknown if word.startswith("-")), unknown[0])
    spelling = word.partition("=")[0]
    where = f"{file}{line_of(file, spelling)}: " if spelling in file_words else ""
    if not spelling.startswith("-"):
        raise UsageError(f"{where}unrecognised: {spelling!r}", stray_word(spelling, components))
    if spelling in OF_THE_VERB and where:
        raise UsageError(f"{where}{spelling} is for the command line only", "remove it from the file")
    if spelling in OF_THE_VERB:
        raise UsageError(f"{spelling} is not for this command", "leave it out; genzoo run takes it: genzoo run --help")
    model, _, dataset = components.names
    if not where and (error := of_other_verb(unknown[unknown.index(word) :], model, dataset)):
        raise error
    owners = list(owners_of(spelling))
    if owners:
        asked = f"{components.model.name} with loss {components.loss.name} on {components.dataset.name}"
        meant = f"{spelling} belongs to {listed(owners)}; this run is {asked}.{suggested(spelling, components)[0]}"
        raise UsageError(f"{where}{meant.rstrip('.')}", help_hint(components))
    suggestion, names = suggested(spelling, components)
    known = known_options(components) | known_options(components, with_section=True)
    hints = [f"{name} {known[name]}" for name in names if known[name]] + [help_hint(components)]
    raise UsageError(f"{where}no option {spelling}.{suggestion}", "\n".join(hints))


def stray_word(word: str, components: Components) -> str:
    """Return what to type in place of a word that is neither an option nor one of the names."""
    model, _, dataset = components.names
    if "path" in field_names(components.dataset.load().Config) and Path(word).exists():
        return f"genzoo run {model} {dataset} --data.path {shlex.quote(word)}"
    return f"model and dataset are {model} and {dataset}, and options begin with --"


def suggested(spelling: str, components: Components) -> tuple[str, list[str]]:
    """Return " Did you mean …?" and the options in it. The leading dashes do not count as similarity."""
    sections = components.defaults().sections
    plain = spelling.lstrip("-").rpartition(".")[2].replace("-", "_")
    elsewhere = [sections.with_section(part, name) for part, name in sections if name == plain]
    if elsewhere and "." in spelling:
        return f" Did you mean {' or '.join(elsewhere)}?", elsewhere
    texts = known_options(components, "." in spelling)
    by_name = {name.lstrip("-"): name for name in texts}
    sentence = did_you_mean(spelling.lstrip("-"), by_name, {plain: texts[name] for plain, name in by_name.items()})
    similar = [by_name[name] for name in re.findall(r"'([^']+)'", sentence)]
    return (f" Did you mean {' or '.join(similar)}?" if similar else ""), similar


def listed(owners: list[str]) -> str:
    """Return owners as text: "model ae and model vae", or "model ae, model vae and 5 others"."""
    if len(owners) > 3:
        owners = [*owners[:2], f"{len(owners) - 2} others"]
    return " and ".join(filter(None, (", ".join(owners[:-1]), owners[-1])))


def help_hint(components: Components) -> str:
    """Return the command that shows all options, as a hint."""
    return f"all options: genzoo run {components.names[0]} --dataset {components.names[2]} --help"


@contextlib.contextmanager
def hinted(components: Components) -> Iterator[None]:
    """Inside, a UsageError without a hint gets `help_hint`."""
    try:
        yield
    except UsageError as error:
        error.hint = error.hint or help_hint(components)
        raise


def known_options(components: Components, with_section: bool = False) -> dict[str, str]:
    """Return every option and its description, such as "FLOAT  Weight of the KL term. (default: 1.0)"."""
    config = components.defaults()
    sections = config.sections
    known = {
        sections.with_section(part, name) if with_section else option(sections.key(part, name)): (
            f"{kind}  {text} (default: {default})"
        )
        for part in PARTS
        for name, kind, default, text in describe_fields(getattr(config, part))
    }
    return known | dict.fromkeys(OF_THE_VERB, "")


def owners_of(spelling: str) -> Iterable[str]:
    """Yield the registered models, losses and datasets that have an option."""
    for kind, section in (("model", "model"), ("loss", "loss"), ("dataset", "data")):
        for entry in registry().matching(kind):  # type: ignore[arg-type]
            names = [option(f"{section}.{name}") for name in _fields(entry)]
            names += [] if kind == "dataset" else map(option, _fields(entry))
            if spelling in names:
                yield f"{kind} {entry.name}"


def _fields(entry: Entry) -> tuple[str, ...]:
    try:
        cls = entry.load()
        return field_names(cls.Config) + (field_names(cls.Sampling) if entry.kind == "model" else ())
    except GenzooError:  # its fault is not the subject of this message
        return ()


def line_of(file: str, spelling: str) -> str:
    """Return the line where a file sets an option as ":12", or "" if it is not found."""
    section, _, name = spelling.removeprefix("--").rpartition(".")
    name = re.sub("[-_]", "[-_]", name.removeprefix("no-"))
    pattern = re.compile(rf"""^\s*["']?((?P<section>\w+)\.)?{name}["']?\s*[=:]""")
    table = ""
    for number, line in enumerate(Path(file).read_text(encoding="utf-8").splitlines(), start=1):
        if heading := re.match(r"""\s*(?:\[(\w+)\]|"(\w+)": \{)""", line):
            table = TABLES.get(heading[1] or heading[2], "")
        found = pattern.search(line)
        if found and (not section or (found["section"] or table) in ("", section)):
            return f":{number}"
    return ""
